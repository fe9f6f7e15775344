import { kernelsFor } from "../catalog/choose.js";
import { PUBLISHED_CATALOG } from "../catalog/published.js";
import { bareTarget, kernelCommand } from "../catalog/targets.js";
import { RocmAttentionError } from "../errors.js";
import { type Decision, hasAiter, type RequestedBackend } from "./decide.js";
import {
  type Candidate,
  type Explanation,
  type Failure,
  PHASE_TITLES,
  type PhaseKernel,
} from "./explanation.js";
import { capabilitiesOf } from "./registry.js";

/** Why a selection has chosen nothing: every reason, then what could run instead. */
export function failure(
  { candidates }: Decision,
  requested: RequestedBackend | null,
  target: string,
): Failure {
  if (requested === null) {
    const tried = candidates
      .filter(({ enabled }) => enabled)
      .map(({ backend, reasons }) => `${backend} ${join(reasons)}.`);
    return {
      code: "ERR_NO_BACKEND",
      message: `No attention backend can run this configuration on ${target}. ${tried.join(" ")}${alternatives(candidates)}`,
    };
  }
  const [{ backend, reasons }] = candidates as [Candidate];
  if (reasons.every(({ capability }) => capability === "aiter")) {
    const remedy = isAiterPublished(backend, target)
      ? `Add them with: ${kernelCommand(target)}.`
      : "This version of the package has none.";
    return {
      code: "ERR_AITER_NOT_INSTALLED",
      message: `${backend} needs AITER's kernels for ${target}, which are not installed. ${remedy}${alternatives(candidates)}`,
    };
  }
  return {
    code: "ERR_BACKEND_UNSUPPORTED",
    message: `${backend} cannot run this configuration on ${target}: it ${join(reasons)}.${alternatives(candidates)}`,
  };
}

/** Why there is no attention where the chosen backend lacks kernels, and what would change that; null where it has all. */
export function kernelFailure({
  candidates,
  phases,
  target,
}: Pick<Explanation, "candidates" | "phases" | "target">): Failure | null {
  const chosen = candidates.find((candidate) => candidate.chosen);
  if (chosen === undefined || chosen.kernels === "available") return null;
  const absent = phases.filter(({ kernels }) => !isForAll(kernels.at(-1)));
  const names = absent.map(({ phase }) => PHASE_TITLES[phase]).join(", ");
  const lacks = [...new Set(absent.flatMap(({ kernels }) => kernels[0]?.lacks ?? []))];
  const purpose = lacks.length === 0 ? "this configuration" : lacks.join(", ");
  const wanted = `${chosen.backend}'s kernels for ${names} of this configuration on ${bareTarget(target.arch)} are`;
  const command = absent.map(({ kernels }) => kernels[0]?.command).find((each) => each !== undefined);
  if (chosen.kernels === "missing") {
    const message = `${wanted} not installed. Add them with: ${kernelCommand(target.arch)}`;
    return { code: "ERR_NO_KERNELS_FOR_ARCH", message };
  }
  const message =
    command === undefined || lacks.length > 0
      ? `${chosen.backend} has no kernels for ${names} of ${purpose} on ${bareTarget(target.arch)}`
      : `${wanted} not among those that are published. Build them in a clone: ${command}`;
  return { code: "ERR_NO_KERNELS_FOR_ARCH", message };
}

/** An error as data. */
export function failureOf({ code, message, argument }: RocmAttentionError): Failure {
  return { code, message, ...(argument === undefined ? {} : { argument }) };
}

/** The error that says it. */
export function errorOf({ code, message, ...details }: Failure): RocmAttentionError {
  return new RocmAttentionError(code, message, details);
}

/** Whether a phase's last kernel is there and runs what those before it do not. */
function isForAll(last: PhaseKernel | undefined): boolean {
  return last?.status === "available" && last.note === undefined;
}

function join(reasons: Candidate["reasons"]): string {
  return reasons.map(({ message }) => message).join("; ");
}

/** The backends that could run the configuration where nothing that is enabled can: those that this version has kernels for, if there are any. */
function alternatives(candidates: readonly Candidate[]): string {
  const able = candidates.filter(({ eligible }) => eligible);
  const ready = able.filter(({ kernels }) => kernels !== "none");
  return (ready.length > 0 ? ready : able)
    .map(({ backend, enable, kernels }) => {
      const lack = kernels === "none" ? ", but has no kernels for it" : "";
      return ` ${backend} could: set ${enable}${lack}.`;
    })
    .join("");
}

/** Whether the packages of this version have the kernels of AITER that a backend needs. */
function isAiterPublished(backend: string, target: string): boolean {
  return hasAiter(capabilitiesOf(backend)!, kernelsFor(PUBLISHED_CATALOG, target));
}
