import type { Capabilities } from "./capabilities.js";
import { type KernelIndex, kernelsOf } from "./catalog.js";
import type { BackendName } from "./config.js";
import type { Candidate, PhasePlan, Reason } from "./explanation.js";
import { kernelStatus, planPhases, type Situation } from "./phases.js";
import { backendNames, capabilitiesOf, originOf } from "./registry.js";
import { considered } from "./rules.js";
import { bareTarget } from "./targets.js";
import { judge } from "./validate.js";

/** The backend that the program or the user has named. */
export interface Explicit {
  name: BackendName;
  source: "override" | "option" | "VLLM_ATTENTION_BACKEND";
}

/** A selection's outcome, before it is explained. */
export interface Decision {
  candidates: Candidate[];
  chosen: Candidate | null;
  source: string;
  phases: PhasePlan[];
}

/** Chooses: the named backend or none, else the first enabled one that can run the configuration. */
export function decide(situation: Situation, explicit: Explicit | null): Decision {
  const kind = situation.config.mla === null ? "standard" : "mla";
  const automatic = considered(situation.config, situation.flags);
  const names = new Set<BackendName>([
    ...(explicit === null ? [] : [explicit.name]),
    ...automatic.map(({ backend }) => backend),
    ...backendNames().filter((name) => capabilitiesOf(name)!.kind === kind),
  ]);
  let chosen: Candidate | null = null;
  let source: string = explicit?.source ?? "default";
  const candidates: Candidate[] = [];
  for (const backend of names) {
    const brought = automatic.find((other) => other.backend === backend);
    const bringer = explicit === null ? (brought?.source ?? null) : explicit.name === backend ? source : null;
    const capabilities = capabilitiesOf(backend)!;
    const reasons = reasonsAgainst(capabilities, situation);
    const candidate: Candidate = {
      backend,
      origin: originOf(backend),
      enabled: bringer !== null,
      eligible: reasons.length === 0,
      chosen: chosen === null && bringer !== null && reasons.length === 0,
      reasons,
      kernels: reasons.length === 0 ? kernelStatus(capabilities, situation) : null,
    };
    if (bringer === null) candidate.enable = enableBy(explicit, backend, brought?.enable ?? null);
    if (candidate.chosen) [chosen, source] = [candidate, bringer!];
    candidates.push(candidate);
  }
  const phases = chosen === null ? [] : planPhases(capabilitiesOf(chosen.backend)!, situation);
  return { candidates, chosen, source, phases };
}

function enableBy(explicit: Explicit | null, backend: BackendName, flags: string | null): string {
  if (explicit?.source === "override") return `overrideBackend("${backend}")`;
  if (explicit?.source === "option") return `backend: "${backend}"`;
  return (explicit === null ? flags : null) ?? `VLLM_ATTENTION_BACKEND=${backend}`;
}

function reasonsAgainst(capabilities: Capabilities, situation: Situation): Reason[] {
  const reasons = judge(capabilities, situation.config, situation.arch);
  if (!hasAiter(capabilities, situation.kernels)) {
    const target = bareTarget(situation.arch);
    reasons.push({
      capability: "aiter",
      message: `needs AITER's kernels, which are not there for ${target}`,
    });
  }
  return reasons;
}

/** Whether of each group of AITER's kernels that a backend needs there is at least one for the target. */
export function hasAiter({ aiter = [] }: Capabilities, kernels: KernelIndex): boolean {
  return aiter.every((group) => group.some((launch) => kernelsOf(kernels, launch) !== undefined));
}
