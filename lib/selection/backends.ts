import { BACKEND_NAMES, type BuiltinBackendName } from "../config.js";
import type { Capabilities } from "./capabilities.js";
import { ROCM_AITER_MLA, TRITON_MLA } from "./mla-backends.js";
import {
  FLEX_ATTENTION,
  ROCM_AITER_FA,
  ROCM_AITER_UNIFIED_ATTN,
  ROCM_ATTN,
  TRITON_ATTN,
} from "./standard-backends.js";

/** The capability tables of this package, by backend. */
export const BUILTIN_BACKENDS: Readonly<Record<BuiltinBackendName, Capabilities>> = {
  TRITON_ATTN,
  ROCM_ATTN,
  ROCM_AITER_FA,
  ROCM_AITER_UNIFIED_ATTN,
  FLEX_ATTENTION,
  ROCM_AITER_MLA,
  TRITON_MLA,
};

export function isBuiltinBackend(name: string): name is BuiltinBackendName {
  return (BACKEND_NAMES as readonly string[]).includes(name);
}

/** Latent attention under other names of vLLM's, and what there is here in its place. */
const OTHER_MLA: Readonly<Record<string, string>> = {
  ROCM_AITER_TRITON_MLA:
    "TRITON_MLA decodes with this package's Triton kernels, ROCM_AITER_MLA with AITER's.",
  ROCM_AITER_MLA_SPARSE:
    "It attends to the keys that an indexer picks (DeepSeek-V3.2), and nothing here does.",
};

/**
 * Names that `VLLM_ATTENTION_BACKEND` takes in vLLM beside the seven, of backends that this package does not have, with a word on
 * those that are near to one.
 */
export const OTHER_VLLM_BACKENDS: ReadonlyMap<string, string> = new Map([
  ...Object.entries(OTHER_MLA),
  ...[
    "FLASH_ATTN",
    "TORCH_SDPA",
    "FLASHINFER",
    "FLASHINFER_MLA",
    "CUTLASS_MLA",
    "FLASHMLA",
    "FLASHMLA_SPARSE",
    "FLASH_ATTN_MLA",
    "PALLAS",
    "IPEX",
    "NO_ATTENTION",
    "TREE_ATTN",
    "CPU_ATTN",
    "CUSTOM",
  ].map((name): [string, string] => [name, ""]),
]);
