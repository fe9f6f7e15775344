import type { Tensor } from "../device/tensor.js";
import type { KvCacheLayer } from "../kv-cache/layer.js";

/** One call of `attention.forward`, with everything checked. */
export interface AttentionCall {
  /** [tokens, numHeads, headSize]. */
  readonly query: Tensor;
  /** [key tokens, numKvHeads, headSize] to write to the cache first, or null: attend only. In an encoder: to attend to. */
  readonly key: Tensor | null;
  /** As `key`: same shape, and null with it. */
  readonly value: Tensor | null;
  /** [tokens, numHeads, headSize]. */
  readonly output: Tensor;
  /** float32 [tokens, numHeads], or null. */
  readonly lse: Tensor | null;
  /** [numHeads] in the dtype of the query where the configuration has sinks, else null. */
  readonly sinks: Tensor | null;
  /** The factor that an fp8 cache's keys are multiplied with: float32 [1] or a number; null: 1. */
  readonly kScale: Tensor | number | null;
  /** As `kScale`, of the values. */
  readonly vScale: Tensor | number | null;
  /** Factor of an fp8 output; null: the output has the dtype of the query. */
  readonly outputScale: Tensor | number | null;
  /** null: an encoder's attention, which has none. */
  readonly cache: KvCacheLayer | null;
}
