import { checkReadable } from "../arguments.js";
import type { Environment } from "../config.js";
import { invalidArgument } from "../errors.js";
import { isOtherVariable } from "./other-variables.js";

/** A variable of vLLM that selection knows; docs/environment.md lists them. */
export type VariableName = keyof typeof VARIABLES;

export interface Variable {
  /** "flag": 1 and true (any case) are on; 0, false and nothing are off; anything else is off with a warning. "choice": one of some words. */
  readonly parsing: "flag" | "choice" | "integer";
  /** Its default: for flags whether it is on, else the words for "not set". */
  readonly default: boolean | string;
  /** Its meaning in vLLM. */
  readonly meaning: string;
  /** Its effect here; null: none, so that a warning is given where it is set. */
  readonly effect: string | null;
  /** The kind of attention on which it acts, where it is one. */
  readonly kind?: "standard" | "mla";
  /** The backend whose kernels it switches; absent: it takes part in the choice of the backend. */
  readonly within?: string;
}

/** The variables that vLLM reads for attention on ROCm, with their effects here. Generates docs/environment.md. */
export const VARIABLES = {
  VLLM_ATTENTION_BACKEND: {
    parsing: "choice",
    default: "not set",
    meaning: "The backend, by name; case-sensitive, and an empty value is an error.",
    effect: "Chooses the backend, unless the option `backend` or `overrideBackend` does.",
  },
  VLLM_ROCM_USE_AITER: {
    parsing: "flag",
    default: false,
    meaning: "Master switch of AITER's kernels.",
    effect:
      "Lets the selection choose the AITER backends, subject to their own switches, and latent attention take its products in fp8.",
  },
  VLLM_ROCM_USE_AITER_MHA: {
    parsing: "flag",
    default: true,
    meaning: "AITER's flash attention; needs VLLM_ROCM_USE_AITER.",
    effect: "Off: ROCM_AITER_FA is not chosen by itself.",
    kind: "standard",
  },
  VLLM_ROCM_USE_AITER_MLA: {
    parsing: "flag",
    default: true,
    meaning: "AITER's multi-head latent attention; needs VLLM_ROCM_USE_AITER.",
    effect: "Off: ROCM_AITER_MLA is not chosen by itself, except for block size 1.",
    kind: "mla",
  },
  VLLM_ROCM_USE_AITER_UNIFIED_ATTENTION: {
    parsing: "flag",
    default: false,
    meaning: "AITER's unified attention; needs VLLM_ROCM_USE_AITER.",
    effect: "On: ROCM_AITER_UNIFIED_ATTN is chosen before ROCM_AITER_FA.",
    kind: "standard",
  },
  VLLM_ROCM_SHUFFLE_KV_CACHE_LAYOUT: {
    parsing: "flag",
    default: false,
    meaning: "The cache layout of AITER's assembly decode. Later than v0.12.",
    effect:
      "On: ROCM_AITER_FA keeps its cache in the layout `shuffled`, unless the option `kvCacheLayout` says otherwise.",
    kind: "standard",
    within: "ROCM_AITER_FA",
  },
  VLLM_V1_USE_PREFILL_DECODE_ATTENTION: {
    parsing: "flag",
    default: false,
    meaning: "Separate kernels for prefill and decode.",
    effect: "On: ROCM_ATTN is chosen where no AITER backend is.",
    kind: "standard",
  },
  VLLM_ROCM_USE_AITER_PAGED_ATTN: {
    parsing: "flag",
    default: false,
    meaning: "Together with VLLM_ROCM_USE_AITER switches the HIP paged attention off.",
    effect: "The same: ROCM_ATTN then decodes with its Triton kernel.",
    kind: "standard",
    within: "ROCM_ATTN",
  },
  VLLM_ROCM_CUSTOM_PAGED_ATTN: {
    parsing: "flag",
    default: true,
    meaning: "The HIP paged attention within ROCM_ATTN.",
    effect: "Off: ROCM_ATTN decodes with its Triton kernel.",
    kind: "standard",
    within: "ROCM_ATTN",
  },
  VLLM_ROCM_FP8_MFMA_PAGE_ATTN: {
    parsing: "flag",
    default: false,
    meaning: "fp8 matrix products in the HIP paged attention.",
    effect: "On: ROCM_ATTN's HIP decode multiplies in fp8 where the cache is fp8.",
    kind: "standard",
    within: "ROCM_ATTN",
  },
  VLLM_ROCM_USE_AITER_FP8BMM: {
    parsing: "flag",
    default: true,
    meaning: "fp8 products for the up- and down-projections of MLA; needs VLLM_ROCM_USE_AITER.",
    effect: "Off: the products of latent attention's decodes stay in the dtype of the queries.",
    kind: "mla",
  },
  VLLM_BATCH_INVARIANT: {
    parsing: "integer",
    default: "0",
    meaning: "Results that do not depend on the rest of the batch: here the option `batchInvariant`.",
    effect: null,
  },
  VLLM_MLA_DISABLE: {
    parsing: "integer",
    default: "0",
    meaning: "Runs MLA models as ordinary multi-head attention.",
    effect: null,
  },
  VLLM_KV_CACHE_LAYOUT: {
    parsing: "choice",
    default: "not set",
    meaning: "Order of the KV cache's axes: NHD or HND.",
    effect: null,
  },
} as const satisfies Record<string, Variable>;

export const VARIABLE_NAMES = Object.keys(VARIABLES) as readonly VariableName[];

/** A variable that is on or off. */
export type FlagName = {
  [Name in VariableName]: (typeof VARIABLES)[Name]["parsing"] extends "flag" ? Name : never;
}[VariableName];

/** The value of each flag. */
export type Flags = Readonly<Record<FlagName, boolean>>;

const DEFAULT_FLAGS = Object.fromEntries(
  VARIABLE_NAMES.filter(isFlag).map((name) => [name, VARIABLES[name].default]),
) as Flags;

export function isFlag(name: VariableName): name is FlagName {
  return VARIABLES[name].parsing === "flag";
}

/** The variables that are set: those of the table, in its order, then those of its prefix that vLLM does not have. */
export type SetVariables = Readonly<Record<string, string>>;

/**
 * Reads the variables, each once and now: nothing of an environment is kept between two selections. Throws
 * ERR_INVALID_ARGUMENT for one that is not text, and where there is no environment.
 */
export function readVariables(env: Environment): SetVariables {
  checkReadable(env, "env", "an object of variables");
  const variables: Record<string, string> = {};
  for (const name of [...VARIABLE_NAMES, ...Object.keys(env).filter(isUnknown)]) {
    const value: unknown = env[name];
    if (value === undefined) continue;
    if (typeof value !== "string") throw invalidArgument(name, "a string", value);
    variables[name] = value;
  }
  return variables;
}

function isUnknown(name: string): boolean {
  return name.startsWith("VLLM_") && !Object.hasOwn(VARIABLES, name) && !isOtherVariable(name);
}

/** The value of every flag. */
export function readFlags(variables: SetVariables): Flags {
  const flags = { ...DEFAULT_FLAGS };
  for (const name of namesIn(variables)) {
    if (isFlag(name)) flags[name] = isOn(variables[name]!);
  }
  return flags;
}

/** The names of the table's variables that are set. */
export function namesIn(variables: SetVariables): VariableName[] {
  return Object.keys(variables).filter((name): name is VariableName => Object.hasOwn(VARIABLES, name));
}

/** The names that are set and that vLLM does not have. */
export function unknownNamesIn(variables: SetVariables): string[] {
  return Object.keys(variables).filter((name) => !Object.hasOwn(VARIABLES, name));
}

function isOn(value: string): boolean {
  const word = value.toLowerCase();
  return word === "1" || word === "true";
}

/** Whether vLLM's words for on and off include this value. */
export function isRecognisedFlag(value: string): boolean {
  return ["1", "true", "0", "false", ""].includes(value.toLowerCase());
}
