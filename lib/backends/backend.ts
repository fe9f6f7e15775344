import type { Batch, BatchShape } from "../attention/batch.js";
import type { Stream } from "../device/stream.js";
import type { Tensor } from "../device/tensor.js";
import type { KvCacheLayer } from "../kv-cache/cache.js";

/** One call of `attention.forward`, with everything checked. */
export interface ForwardCall {
  /** [tokens, numHeads, headSize]. */
  readonly query: Tensor;
  /** [tokens, numKvHeads, headSize] to write to the cache first, or null: attend only. */
  readonly key: Tensor | null;
  readonly value: Tensor | null;
  /** [tokens, numHeads, headSize]. */
  readonly output: Tensor;
  /** float32 [tokens, numHeads], or null. */
  readonly lse: Tensor | null;
  readonly cache: KvCacheLayer;
  readonly batch: Batch;
  /** What grids and plans follow: the batch's step or, while the stream is captured, the largest that it admits. */
  readonly shape: BatchShape;
  readonly stream: Stream;
}

/** What runs an attention: made once per attention, launches its kernels at every call. */
export interface AttentionBackend {
  /** Enqueues the cache write and the attention. Allocates nothing but, at first use, split scratch. */
  forward(call: ForwardCall): void;
  /** Frees scratch after its last use. */
  dispose(): void;
}
