import type { BackendName } from "../config.js";
import { type Capabilities, PHASES } from "./capabilities.js";
import type { SelectionContext } from "./context.js";
import type { Decision, RequestedBackend } from "./decide.js";
import type { PhasePlan, VariableReport } from "./explanation.js";
import { kernelName, kernelsByPhase } from "./phases.js";
import { capabilitiesOf } from "./registry.js";
import { enabled } from "./rules.js";
import {
  type FlagName,
  type Flags,
  isFlag,
  isRecognisedFlag,
  namesIn,
  type SetVariables,
  VARIABLES,
  type Variable,
} from "./variables.js";

/**
 * What each variable that is set does to this selection. Whether a flag has an effect is not derived but tried: the
 * selection runs once more as if it were not set.
 */
export function reportVariables(
  context: SelectionContext,
  requested: RequestedBackend | null,
  decision: Decision,
  variables: SetVariables,
): VariableReport[] {
  const reports: VariableReport[] = [];
  for (const name of namesIn(variables)) {
    const value = variables[name]!;
    const variable: Variable = VARIABLES[name];
    const report = (effect: string | null, level: VariableReport["level"], note?: string) =>
      void reports.push({ name, value, effect, ...(note === undefined ? {} : { note }), level });
    if (name === "VLLM_ATTENTION_BACKEND") {
      if (requested?.source === name) report(`chooses ${value}`, "info");
      else if (capabilitiesOf(value) !== undefined)
        report(null, "info", `${above(requested!)} stands above it`);
      else report(null, "warning", `not the name of a backend; ${above(requested!)} stands above it`);
    } else if (isFlag(name)) {
      const unknown = isRecognisedFlag(value)
        ? undefined
        : `${JSON.stringify(value)} is neither 1 or true nor 0 or false, and counts as off`;
      const effect = actsHere(name, context, requested, decision) ? inSentence(variable.effect!) : null;
      const isDefault = context.flags[name] === variable.default;
      const why =
        effect !== null || (isDefault && unknown !== undefined)
          ? undefined
          : idleness(name, context, requested, decision);
      const isQuiet =
        effect !== null ||
        (variable.effect !== null &&
          (isDefault ||
            (requested !== null && variable.within === undefined) ||
            isForOtherKind(variable, context)));
      const note = [unknown, why].filter((text) => text !== undefined).join("; ");
      report(effect, unknown === undefined && isQuiet ? "info" : "warning", note === "" ? undefined : note);
    } else {
      report(null, "warning", "nothing in this package depends on it");
    }
  }
  return reports;
}

function above({ source }: RequestedBackend): string {
  return source === "override" ? "overrideBackend" : "the option backend";
}

function actsHere(
  name: FlagName,
  context: SelectionContext,
  requested: RequestedBackend | null,
  { chosen, candidates, phases }: Decision,
): boolean {
  if (context.flags[name] === VARIABLES[name].default) return false;
  const without = { ...context, flags: flagsWithout(name, context) };
  const isEligible = (backend: string) =>
    candidates.some((candidate) => candidate.backend === backend && candidate.eligible);
  const wouldBe =
    requested === null
      ? (enabled(without.config, without.flags).find(isEligible) ?? null)
      : (chosen?.backend ?? null);
  if (wouldBe !== (chosen?.backend ?? null)) return true;
  if (chosen === null) return false;
  const capabilities = capabilitiesOf(chosen.backend)!;
  return (
    switches(capabilities, name) && kernelsOf(kernelsByPhase(capabilities, without)) !== kernelsOf(phases)
  );
}

function flagsWithout(name: FlagName, { flags }: SelectionContext): Flags {
  return { ...flags, [name]: VARIABLES[name].default };
}

/** Whether any kernel of a backend asks for this flag. */
function switches(capabilities: Capabilities, flag: FlagName): boolean {
  return PHASES.some((phase) =>
    capabilities[phase].some(({ switchedOff = [] }) =>
      switchedOff.some(({ variables }) => variables.includes(flag)),
    ),
  );
}

function kernelsOf(phases: readonly PhasePlan[]): string {
  return phases
    .map(({ kernels }) => kernels.map(({ launches }) => kernelName(launches)).join(", "))
    .join("|");
}

/** Why a flag does nothing. */
function idleness(
  name: FlagName,
  context: SelectionContext,
  requested: RequestedBackend | null,
  { chosen, candidates }: Decision,
): string {
  const variable: Variable = VARIABLES[name];
  if (variable.effect === null) return "nothing in this package depends on it";
  if (context.flags[name] === variable.default) return `${variable.default ? "on" : "off"}, as without it`;
  if (isForOtherKind(variable, context)) {
    return `acts on ${variable.kind === "mla" ? "multi-head latent" : "standard"} attention alone`;
  }
  if (variable.within !== undefined && chosen?.backend !== variable.within) {
    return `acts within ${variable.within}`;
  }
  if (requested !== null && variable.within === undefined) return "ignored, since the backend is named";
  if (name.startsWith("VLLM_ROCM_USE_AITER_") && !context.flags.VLLM_ROCM_USE_AITER) {
    return "needs VLLM_ROCM_USE_AITER=1";
  }
  const without = enabled(context.config, flagsWithout(name, context)) as BackendName[];
  const rejected = candidates.find(
    (candidate) => candidate.enabled && !candidate.eligible && !without.includes(candidate.backend),
  );
  if (requested === null && rejected !== undefined)
    return `${rejected.backend}, which it enables, cannot run this`;
  return chosen === null
    ? "selection fails with and without it"
    : `${chosen.backend} runs with and without it`;
}

function isForOtherKind({ kind }: Variable, { config }: SelectionContext): boolean {
  return kind !== undefined && (kind === "mla") !== (config.mla !== null);
}

/** "Off: ROCM_ATTN decodes with its Triton kernel." within a sentence. */
function inSentence(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1).replace(/\.$/, "");
}
