import { bareTarget } from "../catalog/targets.js";
import type { Candidate, Explanation, VariableReport } from "./explanation.js";

/** One line for a log: what was requested, what it is resolved to, why, and what was rejected. */
export function explanationLine({ backend, source, error, target, candidates }: Explanation): string {
  const enabled = candidates.filter((candidate) => candidate.enabled);
  const isRequested = source !== "default" || enabled.length > 1;
  const requested = isRequested ? enabled[0]?.backend : "none";
  const resolved = backend === null ? `none: ${error!.message}` : `${backend}, ${sourceText(source)}`;
  const rejected = enabled
    .filter(({ eligible }) => backend !== null && !eligible)
    .map((candidate) => `; rejected ${candidate.backend}: it ${reasonsText(candidate)}`);
  return `attention backend on ${bareTarget(target.arch)}: requested ${requested}, resolved to ${resolved}${rejected.join("")}`;
}

/** "VLLM_MLA_DISABLE=1: no effect: nothing in this package depends on it". */
export function variableText({ name, value, effect, note }: VariableReport): string {
  return `${name}=${value}: ${effectText(effect, note)}`;
}

/** The effect of a variable, or the reason why it has none. */
export function effectText(effect: string | null, note: string | undefined): string {
  if (effect === null) return `no effect: ${note}`;
  return note === undefined ? effect : `${effect}; ${note}`;
}

/** An explanation's `source` as the end of a sentence. */
export function sourceText(source: string): string {
  switch (source) {
    case "default":
      return "the default";
    case "override":
      return "forced by overrideBackend";
    case "option":
      return "named by the option backend";
    default:
      return `because of ${source}`;
  }
}

/** The reasons against a candidate, of which it is the subject. */
export function reasonsText({ reasons }: Candidate): string {
  return reasons.map(({ message }) => message).join("; ");
}
