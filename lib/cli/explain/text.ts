import {
  type Explanation,
  PHASE_TITLES,
  type PhaseKernel,
  type PhasePlan,
  type VariableReport,
} from "../../selection/explanation.js";
import { kernelName } from "../../selection/phases.js";
import { effectText, reasonsText, sourceText } from "../../selection/text.js";
import { columns, type Paint, painter, type Row, type TextStyle, wrap } from "../terminal.js";
import type { OptionReport } from "./option-report.js";

/** The explanation for people: the choice, then why, then the rest. Ends without a line break. */
export function explanationText(explanation: Explanation, { width, color }: TextStyle): string {
  const paint = painter(color);
  const { phases, variables } = explanation;
  const sections = [
    columns(head(explanation, paint), width),
    [paint("bold", "Candidates, in order"), ...columns(candidateRows(explanation, paint), width)],
    [
      paint("bold", "Kernels"),
      ...columns(
        phases.map((plan) => phaseRow(plan, paint)),
        width,
      ),
    ],
    [paint("bold", "Variables"), ...variables.flatMap((report) => variableLines(report, paint, width))],
  ];
  return sections
    .filter((lines, index) => lines.length > 1 || index === 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

function head(explanation: Explanation, paint: Paint): Row[] {
  const { backend, rule, source, error, target, catalog } = explanation;
  const rows: Row[] = [];
  if (backend === null) rows.push({ name: "backend", text: paint("red", "none") });
  else rows.push({ name: "backend", text: `${paint("bold", backend)}, ${sourceText(source)}` });
  if (error !== null) rows.push({ name: "error", text: `${paint("red", error.code)}: ${error.message}` });
  if (explanation.candidates.length > 0 && rule !== backend) {
    const note =
      rule === null ? "raises an error" : `would choose ${rule}, and does not check whether it can run`;
    rows.push({ name: "vLLM", text: note });
  }
  for (const note of explanation.notes) rows.push({ name: "but", text: paint("yellow", note) });
  const assumed = target.from === "assumed" ? ", assumed: no device and no target was given" : "";
  rows.push({ name: "target", text: `${target.arch}${assumed}` });
  rows.push({ name: "kernels", text: CATALOG_TITLES[catalog] ?? `of the catalog ${catalog}` });
  return rows;
}

const CATALOG_TITLES: Readonly<Record<string, string>> = {
  published: "those of the published packages",
  installed: "those of this machine",
};

function candidateRows({ candidates }: Explanation, paint: Paint): Row[] {
  return candidates.map((candidate) => {
    const { backend, origin, chosen, enabled, eligible, kernels } = candidate;
    const own = { builtin: "", registered: " (registered here)", replaced: " (replaced here)" }[origin];
    if (chosen) return { name: `${paint("green", "*")} ${backend}`, text: paint("green", `chosen${own}`) };
    const lack =
      kernels === "none"
        ? " (no kernels for it are published)"
        : kernels === "missing"
          ? " (its kernels are not installed)"
          : "";
    const against = eligible ? "" : `${reasonsText(candidate)}${own}`;
    if (enabled) {
      return eligible
        ? { name: `  ${backend}`, text: `could run it too, and comes later${lack}${own}` }
        : { name: `${paint("red", "x")} ${backend}`, text: against };
    }
    const text = eligible
      ? `not enabled: set ${candidate.enable}${lack}${own}`
      : `not enabled, and ${against}`;
    return { name: `  ${backend}`, text: paint("dim", text) };
  });
}

function phaseRow({ phase, kernels, passedOver }: PhasePlan, paint: Paint): Row {
  const [text = paint("red", "none"), ...otherwise] = kernels.map((kernel) => kernelText(kernel, paint));
  // What a mixed batch passes over stands under decode already.
  const not = (phase === "mixed" ? [] : passedOver).map((other) =>
    paint("dim", `not ${other.kernel}: ${other.reasons.join("; ")}`),
  );
  return { name: PHASE_TITLES[phase], text, below: [...otherwise.map((other) => `else ${other}`), ...not] };
}

function kernelText({ launches, status, lacks, command, verified, note }: PhaseKernel, paint: Paint): string {
  const lack = lacks.length === 0 ? "none" : `none for ${lacks.join(", ")}`;
  const state = {
    available: VERIFIED_TEXT[verified],
    none: paint("yellow", command === undefined ? lack : `built by ${command}`),
    missing: paint("yellow", "not installed"),
  }[status];
  return `${kernelName(launches)} (${state})${note === undefined ? "" : `, for ${note}`}`;
}

const VERIFIED_TEXT = {
  none: "not verified",
  emulator: "verified on the emulator",
  hardware: "verified on hardware",
};

function variableLines(
  { name, value, effect, note, level }: VariableReport,
  paint: Paint,
  width: number,
): string[] {
  const mark = level === "warning" ? paint("yellow", "!") : " ";
  const text = effectText(effect, note);
  const lines = wrap(effect === null ? paint("dim", text) : text, width - 6);
  return [`  ${mark} ${name}=${value}`, ...lines.map((line) => `      ${line}`)];
}

/** The section of the options that were given, as one text or none. */
export function optionsText(options: readonly OptionReport[], { width, color }: TextStyle): string[] {
  const paint = painter(color);
  const words = ({ name, value }: OptionReport) => (value === null ? name : `${name} ${value}`);
  const indented = (text: string) => wrap(text, width - 6).map((line) => `      ${line}`);
  const acting = options.flatMap((option) =>
    option.effect === null ? [] : [`    ${words(option)}`, ...indented(option.effect)],
  );
  const idle = options.filter(({ effect }) => effect === null).map(words);
  const without = idle.length === 0 ? [] : ["    without effect", ...indented(paint("dim", idle.join(", ")))];
  const lines = [...acting, ...without];
  return lines.length === 0 ? [] : [`${[paint("bold", "Options"), ...lines].join("\n")}\n`];
}
