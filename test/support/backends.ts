import { AiterFlashAttention } from "../../lib/backends/rocm-aiter-fa.js";
import { TritonAttention } from "../../lib/backends/triton-attn.js";
import { matches } from "../../lib/catalog/sizes.js";
import type { ComputeDType, Environment } from "../../lib/config.js";
import { explain, registerBackend } from "../../lib/index.js";
import { installedKernels } from "../../lib/kernels/store.js";
import type { LayoutName } from "../../lib/kv-cache/layouts.js";
import { BUILTIN_BACKENDS } from "../../lib/selection/backends.js";
import type { KernelChoice } from "../../lib/selection/capabilities.js";
import { capabilitiesOf } from "../../lib/selection/registry.js";
import type { DataOptions, TokenScaled } from "./paged-data.js";

/** A backend that the shared suites run on. */
export interface BackendUnderTest {
  readonly backend: string;
  readonly layout: LayoutName;
  /** Of a cache with a scale for each token and head. Default: the cache is in the dtype of the query, or fp8 with one scale. */
  readonly kvCacheDtype?: TokenScaled;
  /** The variables of its attentions. Default: those of the process. */
  readonly env?: Environment;
  /** Whether it rounds what it has read of an fp8 cache, times the scale, to the dtype of the query. */
  readonly roundsFp8?: boolean;
  /** Whether the weight of a key is rounded though it is a row's only one, where there is a sink or a window. */
  readonly roundsLoneWeights?: boolean;
}

const { differences, aiter, exclusions, fp8Output, ...table } = BUILTIN_BACKENDS.TRITON_ATTN;

/** TRITON_ATTN's kernels on another layout, as a program would register them: each fact about caches is the layout's. */
registerBackend(
  "TRITON_ON_HALVES",
  { ...table, summary: "TRITON_ATTN over the layout halves.", kvCacheLayouts: ["halves"] },
  (context) => new TritonAttention(context),
);

const {
  aiter: _,
  differences: __,
  exclusions: ____,
  fp8Output: ___,
  ...flash
} = BUILTIN_BACKENDS.ROCM_AITER_FA;
/** A program's table has no limits of single kernels: their rows say what they serve. */
const withoutLimits = ({ launches, note }: KernelChoice) => ({
  launches,
  ...(note !== undefined && { note }),
});
registerBackend(
  "ROCM_AITER_FA_SHUFFLED",
  {
    ...flash,
    ...{ summary: "ROCM_AITER_FA over the layout shuffled.", kvCacheLayouts: ["shuffled"] },
    prefill: flash.prefill.map(withoutLimits),
    decode: flash.decode.map(withoutLimits),
    mixed: flash.mixed.map(withoutLimits),
  },
  (context) => new AiterFlashAttention(context),
);

/** A new backend inherits accuracy, ragged batches, peaks, needles, NaN slots, graphs, invariance and schedules by a line. */
export const BACKENDS: readonly BackendUnderTest[] = [
  { backend: "TRITON_ATTN", layout: "paired" },
  { backend: "TRITON_ON_HALVES", layout: "halves" },
  { backend: "ROCM_ATTN", layout: "split" },
  { backend: "ROCM_AITER_UNIFIED_ATTN", layout: "halves", roundsFp8: true, roundsLoneWeights: true },
  { backend: "FLEX_ATTENTION", layout: "halves" },
  { backend: "ROCM_AITER_FA", layout: "halves", roundsFp8: true },
  { backend: "ROCM_AITER_FA_SHUFFLED", layout: "shuffled", roundsFp8: true },
];

/** ROCM_AITER_FA over caches with a scale for each token and head. */
export const TOKEN_SCALED: readonly BackendUnderTest[] = (["int8_per_token", "fp8_per_token"] as const).map(
  (kvCacheDtype) => ({
    ...{ backend: "ROCM_AITER_FA_SHUFFLED", layout: "shuffled", roundsFp8: true },
    kvCacheDtype,
  }),
);

/** ROCM_ATTN without its kernels in HIP C++. */
export const ROCM_ATTN_IN_TRITON: BackendUnderTest = {
  ...{ backend: "ROCM_ATTN", layout: "split", env: { VLLM_ROCM_CUSTOM_PAGED_ATTN: "0" } },
};

/** Those whose rows have the same bits alone and in a batch, on request. */
export const BATCH_INVARIANT = BACKENDS.filter(({ backend }) => capabilitiesOf(backend)!.batchInvariant);

/** FLEX_ATTENTION reads no fp8 caches. ROCM_AITER_FA reads them in two ways, and has a suite of its own. */
export const WITH_FP8_CACHE = BACKENDS.filter(
  ({ backend }) => !/^(FLEX_ATTENTION|ROCM_AITER_FA)/.test(backend),
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

/** A case of any sizes and features. */
type Case = Pick<DataOptions, "shape" | "dtype" | "features">;

/**
 * The case nearest to one that a backend takes. AITER's kernels have slopes or sinks, CK-tile's slopes or a soft cap, and
 * those for a few head sizes.
 */
export function fitted<Some extends Case>({ backend }: BackendUnderTest, given: Some): Some {
  const can = capabilitiesOf(backend)!;
  const slidingWindow = can.slidingWindow ? given.features?.slidingWindow : undefined;
  const logitsSoftCap = can.logitsSoftCap ? given.features?.logitsSoftCap : undefined;
  const alibi = can.alibi && (given.features?.alibi ?? false);
  const sinks = can.sinks && (given.features?.sinks ?? false);
  if (!backend.startsWith("ROCM_AITER")) {
    return { ...given, features: { slidingWindow, logitsSoftCap, alibi, sinks } };
  }
  const isFlash = backend.startsWith("ROCM_AITER_FA");
  const cap = isFlash && alibi ? undefined : logitsSoftCap;
  const features = { slidingWindow, alibi, logitsSoftCap: cap, sinks: sinks && !alibi };
  const isSpecial = alibi || cap !== undefined;
  const sizes = isFlash ? (isSpecial ? [128] : [64, 128, 256]) : [64, 96, 128, 256];
  const headSize = sizes.includes(given.shape.headSize)
    ? given.shape.headSize
    : sizes[(given.shape.headSize / 8) % sizes.length]!;
  const isHalf = given.dtype === "float16" && (!isFlash || (headSize === 128 && !isSpecial));
  const shape = { ...given.shape, headSize };
  return { ...given, features, shape, dtype: isHalf ? "float16" : "bfloat16" };
}

/** Whether a backend has kernels for a case. */
export function runs({ backend, kvCacheDtype }: BackendUnderTest, of: Case, arch: string): boolean {
  const { slidingWindow, logitsSoftCap, alibi, sinks } = of.features ?? {};
  const { numHeads, numKvHeads, headSize, blockSize } = of.shape;
  const alibiSlopes = alibi ? new Array(numHeads).fill(0.5) : undefined;
  const sizes = { numHeads, numKvHeads, headSize, blockSize };
  const config = { ...sizes, dtype: of.dtype, kvCacheDtype, backend, slidingWindow };
  const { candidates } = explain(
    { ...config, logitsSoftCap, alibiSlopes, sinks: sinks ?? false },
    { arch, catalog: installedKernels([arch]) },
  );
  return candidates.some(({ chosen, kernels }) => chosen && kernels === "available");
}
