import { TritonAttention } from "../../lib/backends/triton-attn.js";
import { matches } from "../../lib/catalog/sizes.js";
import type { ComputeDType, Environment } from "../../lib/config.js";
import { registerBackend } from "../../lib/index.js";
import type { LayoutName } from "../../lib/kv-cache/layouts.js";
import { BUILTIN_BACKENDS } from "../../lib/selection/backends.js";
import { capabilitiesOf } from "../../lib/selection/registry.js";
import type { Features } from "./paged-data.js";

/** A backend that the shared suites run on. */
export interface BackendUnderTest {
  readonly backend: string;
  readonly layout: LayoutName;
  /** The variables of its attentions. Default: those of the process. */
  readonly env?: Environment;
  /** Whether it rounds what it has read of an fp8 cache, times the scale, to the dtype of the query. */
  readonly roundsFp8?: boolean;
}

const { differences, aiter, fp8Output, ...table } = BUILTIN_BACKENDS.TRITON_ATTN;

/** TRITON_ATTN's kernels on another layout, as a program would register them: each fact about caches is the layout's. */
registerBackend(
  "TRITON_ON_HALVES",
  { ...table, summary: "TRITON_ATTN over the layout halves.", kvCacheLayouts: ["halves"] },
  (context) => new TritonAttention(context),
);

/** A new backend inherits accuracy, ragged batches, peaks, needles, NaN slots, graphs, invariance and schedules by a line. */
export const BACKENDS: readonly BackendUnderTest[] = [
  { backend: "TRITON_ATTN", layout: "paired" },
  { backend: "TRITON_ON_HALVES", layout: "halves" },
  { backend: "ROCM_ATTN", layout: "split" },
  { backend: "ROCM_AITER_UNIFIED_ATTN", layout: "halves", roundsFp8: true },
  { backend: "FLEX_ATTENTION", layout: "halves" },
];

/** ROCM_ATTN without its kernels in HIP C++. */
export const ROCM_ATTN_IN_TRITON: BackendUnderTest = {
  ...{ backend: "ROCM_ATTN", layout: "split", env: { VLLM_ROCM_CUSTOM_PAGED_ATTN: "0" } },
};

/** Those whose rows have the same bits alone and in a batch, on request. */
export const BATCH_INVARIANT = BACKENDS.filter(({ backend }) => capabilitiesOf(backend)!.batchInvariant);

/** ROCM_ATTN has no prefill over fp8 caches yet, FLEX_ATTENTION none at all. */
export const WITH_FP8_CACHE = BACKENDS.filter(
  ({ backend }) => backend !== "ROCM_ATTN" && backend !== "FLEX_ATTENTION",
);

/** Whether a backend computes the log-sum-exp of rows. */
export function hasLse({ backend }: { backend: string }): boolean {
  return capabilitiesOf(backend)!.lse;
}

/** Whether a backend's table takes heads of this size in this dtype. */
export function takes({ backend }: { backend: string }, dtype: ComputeDType, headSize: number): boolean {
  const { dtypes, headSizes } = capabilitiesOf(backend)!;
  return dtypes.includes(dtype) && matches(headSizes, headSize);
}

/** The features that a backend takes at once: AITER's kernels take slopes or sinks. */
export function atOnce<Some extends Features | undefined>(
  { backend }: BackendUnderTest,
  features: Some,
): Some {
  const isAiter = backend === "ROCM_AITER_UNIFIED_ATTN";
  return features?.alibi && features.sinks && isAiter ? { ...features, sinks: false } : features;
}
