import { TritonAttention } from "../../lib/backends/triton-attn.js";
import { registerBackend } from "../../lib/index.js";
import type { LayoutName } from "../../lib/kv-cache/layouts.js";
import { BUILTIN_BACKENDS } from "../../lib/selection/backends.js";

/** A backend that the shared suites run on. */
export interface BackendUnderTest {
  readonly backend: string;
  readonly layout: LayoutName;
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
];
