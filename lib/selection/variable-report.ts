import type { BackendName } from "../config.js";
import { type Capabilities, PHASES } from "./capabilities.js";
import type { SelectionContext } from "./context.js";
import type { Decision, RequestedBackend } from "./decide.js";
import type { PhasePlan, VariableReport } from "./explanation.js";
import { OTHER_VARIABLES } from "./other-variables.js";
import { kernelName, kernelsByPhase } from "./phases.js";
import { capabilitiesOf, nearestName } from "./registry.js";
import { enabled } from "./rules.js";
import {
  type FlagName,
  type Flags,
  isFlag,
  isRecognisedFlag,
  namesIn,
  type SetVariables,
  unknownNamesIn,
  VARIABLE_NAMES,
  VARIABLES,
  type Variable,
  type VariableName,
} from "./variables.js";

/**
 * The effects of all variables that are set on this selection. Whether a flag has one is not derived but tried: the
 * selection runs once more as if it were not set.
 */
export function reportVariables(
  context: SelectionContext,
  requested: RequestedBackend | null,
  decision: Decision,
  variables: SetVariables,
): VariableReport[] {
  const known = namesIn(variables).map((name) => {
    const value = variables[name]!;
    return { name, value, ...effectOf(name, value, context, requested, decision) };
  });
  const unknown = unknownNamesIn(variables).map((name) => {
    const nearest = nearestVariable(name);
    const note = `vLLM has no such variable${nearest === null ? "" : `. Did you mean ${nearest}?`}`;
    return { name, value: variables[name]!, effect: null, note, level: "warning" as const };
  });
  return [...known, ...unknown];
}

type VariableEffect = Omit<VariableReport, "name" | "value">;

function effectOf(
  name: VariableName,
  value: string,
  context: SelectionContext,
  requested: RequestedBackend | null,
  decision: Decision,
): VariableEffect {
  if (name === "VLLM_ATTENTION_BACKEND") return effectOfBackend(value, requested!);
  if (isFlag(name)) return effectOfFlag(name, value, context, requested, decision);
  return { effect: null, note: "nothing in this package depends on it", level: "warning" };
}

/** Where the variable does not choose the backend, something stands above it: `requested` is never null. */
function effectOfBackend(value: string, { source }: RequestedBackend): VariableEffect {
  if (source === "VLLM_ATTENTION_BACKEND") return { effect: `chooses ${value}`, level: "info" };
  const above = `${source === "override" ? "overrideBackend" : "the option backend"} stands above it`;
  if (capabilitiesOf(value) !== undefined) return { effect: null, note: above, level: "info" };
  return { effect: null, note: `not the name of a backend; ${above}`, level: "warning" };
}

function effectOfFlag(
  name: FlagName,
  value: string,
  context: SelectionContext,
  requested: RequestedBackend | null,
  decision: Decision,
): VariableEffect {
  const variable: Variable = VARIABLES[name];
  const effect = actsHere(name, context, requested, decision) ? inSentence(variable.effect!) : null;
  const isDefault = context.flags[name] === variable.default;
  const idle = () => idleness(name, context, requested, decision);
  if (!isRecognisedFlag(value)) {
    const unknown = `${JSON.stringify(value)} is neither 1 or true nor 0 or false, and counts as off`;
    const note = effect !== null || isDefault ? unknown : `${unknown}; ${idle()}`;
    return { effect, note, level: "warning" };
  }
  if (effect !== null) return { effect, level: "info" };
  return {
    effect,
    note: idle(),
    level: isMeantToAct(variable, isDefault, context, requested) ? "warning" : "info",
  };
}

/** Whether somebody who sets an idle flag to this value will be surprised. */
function isMeantToAct(
  variable: Variable,
  isDefault: boolean,
  context: SelectionContext,
  requested: RequestedBackend | null,
): boolean {
  if (variable.effect === null) return true;
  if (isDefault || isForOtherKind(variable, context)) return false;
  return requested === null || variable.within !== undefined;
}

/** The variable that was probably meant: the shortest that has all the words, else the one spelled most alike. */
function nearestVariable(name: string): string | null {
  const words = name.split("_").filter(Boolean);
  const longer = VARIABLE_NAMES.filter((candidate) => {
    const parts = candidate.split("_");
    return words.every((word) => parts.includes(word));
  });
  return (
    longer.sort((a, b) => a.length - b.length)[0] ??
    nearestName(name, [...VARIABLE_NAMES, ...OTHER_VARIABLES])
  );
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

/** The reason why a flag does nothing. */
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
