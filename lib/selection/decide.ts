import { type KernelIndex, kernelsOf } from "../catalog/choose.js";
import { type BackendName, kindOf, type ResolvedConfig } from "../config.js";
import type { Capabilities } from "./capabilities.js";
import type { Candidate, PhasePlan, Reason } from "./explanation.js";
import { kernelStatus, planPhases, type Situation } from "./phases.js";
import { backendsByName, capabilitiesOf } from "./registry.js";
import { automaticFor, flagsToSet, sourceOf } from "./rules.js";
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
  const { config, flags } = situation;
  const automatic = automaticFor(config);
  let chosen: Candidate | null = null;
  let source: string = explicit?.source ?? "default";
  const candidates: Candidate[] = [];
  for (const name of inOrder(config, explicit)) {
    const { capabilities, origin } = backendsByName().get(name)!;
    const unnamed = explicit === null ? automatic.find(({ backend }) => backend === name) : undefined;
    const named = explicit?.name === name ? explicit.source : null;
    const bringer = unnamed === undefined ? named : sourceOf(unnamed, config, flags);
    const reasons = reasonsAgainst(capabilities, situation);
    const candidate: Candidate = {
      backend: name,
      origin,
      enabled: bringer !== null,
      eligible: reasons.length === 0,
      chosen: chosen === null && bringer !== null && reasons.length === 0,
      reasons,
      kernels: reasons.length === 0 ? kernelStatus(capabilities, situation) : null,
    };
    if (bringer === null) {
      candidate.enable = unnamed === undefined ? naming(name, explicit) : flagsToSet(unnamed, flags);
    }
    if (candidate.chosen) [chosen, source] = [candidate, bringer!];
    candidates.push(candidate);
  }
  const phases = chosen === null ? [] : planPhases(capabilitiesOf(chosen.backend)!, situation);
  return { candidates, chosen, source, phases };
}

/** The named backend, those that selection may choose by itself, then all others of the kind. */
function inOrder(config: ResolvedConfig, explicit: Explicit | null): Set<BackendName> {
  const names = new Set<BackendName>();
  if (explicit !== null) names.add(explicit.name);
  for (const { backend } of automaticFor(config)) names.add(backend);
  for (const { name, capabilities } of backendsByName().values()) {
    if (capabilities.kind === kindOf(config)) names.add(name);
  }
  return names;
}

/** How to name a backend, by the means that decides now. */
function naming(backend: BackendName, explicit: Explicit | null): string {
  switch (explicit?.source) {
    case "override":
      return `overrideBackend("${backend}")`;
    case "option":
      return `backend: "${backend}"`;
    default:
      return `VLLM_ATTENTION_BACKEND=${backend}`;
  }
}

function reasonsAgainst(capabilities: Capabilities, situation: Situation): Reason[] {
  const reasons = judge(capabilities, situation);
  if (!hasAiter(capabilities, situation.kernels)) {
    reasons.push({
      capability: "aiter",
      message: `needs AITER's kernels, which are not there for ${situation.target}`,
    });
  }
  return reasons;
}

/** Whether of each group of AITER's kernels that a backend needs there is at least one for the target. */
export function hasAiter({ aiter = [] }: Capabilities, kernels: KernelIndex): boolean {
  return aiter.every((group) => group.some((launch) => kernelsOf(kernels, launch) !== undefined));
}
