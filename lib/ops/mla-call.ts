import { checkInstance, PackageObject } from "../arguments.js";
import type { Tensor } from "../device/tensor.js";
import type { KvCacheLayer } from "../kv-cache/layer.js";
import type { QuantisedWeights } from "./mla-weights.js";

/** The up-projection of one layer's latents, as an attention's `prepareKvB` has made it. */
export class MlaWeights extends PackageObject {
  /**
   * @internal `kvB`: [numHeads, qkNopeHeadDim + vHeadDim, kvLoraRank], of each head W_UK, then W_UV. `quantised`: the same in fp8, for
   * an attention that takes its products so.
   */
  constructor(
    readonly kvB: Tensor,
    readonly quantised: QuantisedWeights | null,
  ) {
    super();
  }

  get disposed(): boolean {
    return this.kvB.disposed;
  }

  /** Frees the memory after its last use; returns at once. Idempotent. */
  dispose(): void {
    this.kvB.dispose();
    this.quantised?.weight.dispose();
    this.quantised?.scales.dispose();
  }

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
  readonly weights: MlaWeights;
  /** [tokens, numHeads, vHeadDim] */
  readonly output: Tensor;
  /** float32 [tokens, numHeads], or null. */
  readonly lse: Tensor | null;
  /** The factor that an fp8 cache's numbers are multiplied with: float32 [1] or a number; null: 1. */
  readonly kScale: Tensor | number | null;
  readonly cache: KvCacheLayer;
}
