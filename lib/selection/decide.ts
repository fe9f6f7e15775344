import { type KernelIndex, kernelsOf } from "../catalog/choose.js";
import { type BackendName, kindOf, type ResolvedConfig } from "../config.js";
import type { Capabilities } from "./capabilities.js";
import type { SelectionContext } from "./context.js";
import type { Candidate, PhasePlan, Reason } from "./explanation.js";
import { kernelStatus, kernelsByPhase } from "./phases.js";
import { backendsByName, capabilitiesOf } from "./registry.js";
import { automaticFor, flagsToSet, sourceOf } from "./rules.js";
import { excluded, unsupported } from "./unsupported.js";

/** The backend that the program or the user has named. */
export interface RequestedBackend {
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
export function decide(context: SelectionContext, requested: RequestedBackend | null): Decision {
  const judged = [...inOrder(context.config, requested)].map((name) => candidateOf(name, context, requested));
  const best = judged.find(({ candidate, enabledBy }) => enabledBy !== null && candidate.eligible);
  if (best !== undefined) best.candidate.chosen = true;
  const chosen = best?.candidate ?? null;
  return {
    candidates: judged.map(({ candidate }) => candidate),
    chosen,
    source: best?.enabledBy ?? requested?.source ?? "default",
    phases: chosen === null ? [] : kernelsByPhase(capabilitiesOf(chosen.backend)!, context),
  };
}

/** A backend held against the configuration, with the word or the flags that let it be chosen; null: nothing does. */
function candidateOf(
  name: BackendName,
  context: SelectionContext,
  requested: RequestedBackend | null,
): { candidate: Candidate; enabledBy: string | null } {
  const { config, flags } = context;
  const { capabilities, origin } = backendsByName().get(name)!;
  const automatic =
    requested === null ? automaticFor(config).find(({ backend }) => backend === name) : undefined;
  const named = requested?.name === name ? requested.source : null;
  const enabledBy = automatic === undefined ? named : sourceOf(automatic, config, flags);
  const reasons = reasonsAgainst(capabilities, context);
  const candidate: Candidate = {
    backend: name,
    origin,
    enabled: enabledBy !== null,
    eligible: reasons.length === 0,
    chosen: false,
    reasons,
    kernels: reasons.length === 0 ? kernelStatus(capabilities, context) : null,
  };
  if (enabledBy === null) {
    candidate.enable = automatic === undefined ? naming(name, requested) : flagsToSet(automatic, flags);
  }
  return { candidate, enabledBy };
}

/** The named backend, those that selection may choose by itself, then all others of the kind. */
function inOrder(config: ResolvedConfig, requested: RequestedBackend | null): Set<BackendName> {
  const names = new Set<BackendName>();
  if (requested !== null) names.add(requested.name);
  for (const { backend } of automaticFor(config)) names.add(backend);
  for (const { name, capabilities } of backendsByName().values()) {
    if (capabilities.kind === kindOf(config)) names.add(name);
  }
  return names;
}

/** How to name a backend, by the means that decides now. */
function naming(backend: BackendName, requested: RequestedBackend | null): string {
  switch (requested?.source) {
    case "override":
      return `overrideBackend("${backend}")`;
    case "option":
      return `backend: "${backend}"`;
    default:
      return `VLLM_ATTENTION_BACKEND=${backend}`;
  }
}

function reasonsAgainst(capabilities: Capabilities, context: SelectionContext): Reason[] {
  const reasons = [...unsupported(capabilities, context), ...excluded(capabilities, context)];
  if (!hasAiter(capabilities, context.kernels)) {
    reasons.push({
      capability: "aiter",
      message: `needs AITER's kernels, which are not there for ${context.target}`,
    });
  }
  return reasons;
}

/** Whether of each group of AITER's kernels that a backend needs there is at least one for the target. */
export function hasAiter({ aiter = [] }: Capabilities, kernels: KernelIndex): boolean {
  return aiter.every((group) => group.some((launch) => kernelsOf(kernels, launch) !== undefined));
}
