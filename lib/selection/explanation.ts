import type { Provider, Verified } from "../catalog/choose.js";
import type { BackendName, ResolvedConfig } from "../config.js";
import type { ErrorCode } from "../errors.js";
import type { Capability, Phase } from "./capabilities.js";

export type { Phase };

/** The phases as texts name them. */
export const PHASE_TITLES: Readonly<Record<Phase, string>> = {
  prefill: "prefill",
  decode: "decode",
  mixed: "mixed",
  cacheWrite: "cache write",
};

/** "registered": the program's own; "replaced": its own under the name of a backend of this package. */
export type BackendOrigin = "builtin" | "registered" | "replaced";

/** Why a backend or a kernel cannot run a configuration. */
export interface Reason {
  /** The lack: an entry of the backend's capability table, or "aiter" where its kernels are not installed. */
  capability: Capability | "aiter";
  /** One sentence: what it can do and what was asked for. */
  message: string;
}

/** A backend and why it was chosen or not. */
export interface Candidate {
  /** The backend's name. */
  backend: BackendName;
  /** Whose it is: the package's or the program's. */
  origin: BackendOrigin;
  /** Whether the flags, the option or the variable let it be chosen. */
  enabled: boolean;
  /** Whether it can run the configuration: there are no reasons against it. */
  eligible: boolean;
  /** Whether it is the one that runs. */
  chosen: boolean;
  /** Why it cannot run the configuration; empty where it can. */
  reasons: Reason[];
  /** Whether there are kernels for all that it does with the configuration; null where it is not eligible. */
  kernels: KernelStatus | null;
  /** The setting by which it is considered, where it is not enabled. */
  enable?: string;
}

/** "available": the catalog has it. "missing": the packages of this version have it, the catalog has not. "none": neither. */
export type KernelStatus = "available" | "missing" | "none";

/** A kernel, or a group of kernels that run after each other, which a backend can use for a phase. */
export interface PhaseKernel {
  /** Its launches, in the order in which they run. */
  launches: LaunchReport[];
  /** Whether all of its launches have kernels. */
  status: KernelStatus;
  /** Of what the configuration asks for, what no kernel of this version takes: "head size 80". Empty where they can be built. */
  lacks: string[];
  /** The command that builds them in a clone, where that is all that is missing. */
  command?: string;
  /** How far the least verified of them is verified on this target. */
  verified: Verified;
  /** The batches for which it is, where it is not for all. */
  note?: string;
}

/** One launch of a phase. */
export interface LaunchReport {
  /** The maker of the kernel. */
  provider: Provider;
  /** The work of the kernel: "unified_attention_2d", "reshape_and_cache". */
  operation: string;
  /** The way in which it is made, where a provider has more than one: "asm", "triton". */
  variant?: string;
  /** Ids of the installed kernels among which the step decides; empty where none is installed. */
  kernels: string[];
  /** Whether the catalog has a kernel for it. */
  status: KernelStatus;
  /** How far the least verified of its kernels is verified on this target. */
  verified: Verified;
}

/** The kernels that run in a phase, and those that could have. */
export interface PhasePlan {
  /** The phase that is planned. */
  phase: Phase;
  /**
   * What will run: the first whose `note` admits the batch. The last has no `note` and is for all others; if it has one,
   * or there is none, the backend has no kernel for the rest.
   */
  kernels: PhaseKernel[];
  /** Kernels that would come before the last of them, or were for the rest, and why they do not run. */
  passedOver: {
    /** The launches by provider and operation: "triton unified_attention_3d + reduce_segments". */
    kernel: string;
    /** Why it does not run, one sentence each. */
    reasons: string[];
  }[];
}

/** A variable of vLLM's table that is set. */
export interface VariableReport {
  /** The variable's name: "VLLM_ROCM_USE_AITER". */
  name: string;
  /** Its value, as it is set. */
  value: string;
  /** Its effect here; null where it has none on this selection. */
  effect: string | null;
  /** Why it has no effect, or what is wrong with its value. */
  note?: string;
  /** "warning": the value is not recognised, or it was meant to act and does not. */
  level: "info" | "warning";
}

/** A RocmAttentionError as data. */
export interface Failure {
  /** The error's code. */
  code: ErrorCode;
  /** What was expected, what came, and what to do. */
  message: string;
  /** The option that was wrong; absent: none was by itself. */
  argument?: string;
}

/** How a backend was chosen, and everything that was not. Plain data: it survives JSON and structuredClone. */
export interface Explanation {
  /** The backend that will run; null where selection fails, and then `error` says why. */
  backend: BackendName | null;
  /** The choice of vLLM from the same words, before validation; null where it would raise an error. */
  rule: BackendName | null;
  /** Where the choice came from: "override", "option", "VLLM_ATTENTION_BACKEND", the flags that decided, or "default". */
  source: string;
  /** Why selection fails; null where it does not. */
  error: Failure | null;
  /** Null where an option was wrong by itself. */
  config: ResolvedConfig | null;
  /** The GPU target, and whether the caller named it or it was assumed. */
  target: {
    /** The target: "gfx942". */
    arch: string;
    /** Where it comes from: a device, the option `arch`, or neither. */
    from: "device" | "arch" | "assumed";
  };
  /** The chosen backend's cache layout for this configuration; null where selection fails. */
  kvCacheLayout: string | null;
  /** Which catalog of kernels was asked. */
  catalog: string;
  /** In the order in which they are considered. */
  candidates: Candidate[];
  /** The variables of vLLM that are set. */
  variables: VariableReport[];
  /** Beside the reasons: how to make the choice work, what to know about it. */
  notes: string[];
  /** The kernels of the chosen backend by phase; empty where selection fails. */
  phases: PhasePlan[];
}
