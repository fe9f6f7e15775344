import { checkInstance, PackageObject } from "../arguments.js";
import type { Tensor } from "../device/tensor.js";
import type { KvCacheLayer } from "../kv-cache/layer.js";
import type { QuantisedWeights } from "./mla-weights.js";

/** The up-projection of one layer's latents, as an attention's `prepareKvB` has made it. */
export class MlaWeights extends PackageObject {
  /** @internal */
  constructor(
    /** The weights, [numHeads, qkNopeHeadDim + vHeadDim, kvLoraRank], of each head W_UK, then W_UV. */
    readonly kvB: Tensor,
    /** The same in fp8, for an attention that takes its products so; null: it does not. */
    readonly quantised: QuantisedWeights | null,
  ) {
    super();
  }

  /** Whether `dispose()` has been called, or the device was closed: it cannot be used any more. */
  get disposed(): boolean {
    return this.kvB.disposed;
  }

  /** Frees the memory after its last use; returns at once. Idempotent. */
  dispose(): void {
    this.kvB.dispose();
    this.quantised?.weight.dispose();
    this.quantised?.scales.dispose();
  }

  /** The end of a `using` declaration: as `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Checks that a value is an `MlaWeights`. */
export function checkWeights(value: unknown): MlaWeights {
  return checkInstance(value, "weights", MlaWeights);
}

/** One call of latent attention, with everything checked. */
export interface MlaCall {
  /** [tokens, numHeads, qkNopeHeadDim] */
  readonly queryNope: Tensor;
  /** [tokens, numHeads, qkRopeHeadDim] */
  readonly queryRope: Tensor;
  /** [tokens, kvLoraRank] to write to the cache first, or null: attend only. */
  readonly latent: Tensor | null;
  /** [tokens, qkRopeHeadDim] */
  readonly keyRope: Tensor | null;
  /** The layer's up-projection. */
  readonly weights: MlaWeights;
  /** [tokens, numHeads, vHeadDim] */
  readonly output: Tensor;
  /** float32 [tokens, numHeads], or null. */
  readonly lse: Tensor | null;
  /** The factor that an fp8 cache's numbers are multiplied with: float32 [1] or a number; null: 1. */
  readonly kScale: Tensor | number | null;
  /** What the queries of decodes are divided by before they are rounded to fp8, likewise; null: they are not. */
  readonly qScale: Tensor | number | null;
  /** The layer's cache of latents. */
  readonly cache: KvCacheLayer;
}
