import { bfloat16, createMlaAttention, type Device, type Tensor } from "../../index.js";
import { attendOne, DEVIATION_BOUND, vector } from "../reference.js";
import type { AttentionInputs, AttentionPart, OnDevice } from "./attention-part.js";
import { linear, type Matrix, rmsNorm, rotate } from "./linear.js";
import type { Safetensors } from "./safetensors.js";
import { columns, sideBySide, storedMatrix, storedVector } from "./weights.js";

/** DeepSeek's sizes: of the latent, and of a head's query and key (with and without position) and value. */
const [RANK, NOPE, ROPE, VALUE] = [512, 128, 64, 128];

interface Layer {
  readonly query: Matrix;
  readonly latent: Matrix;
  readonly norm: Float32Array;
  /** [heads * (NOPE + VALUE), RANK], bfloat16. */
  readonly kvB: Uint16Array;
}

/** DeepSeek's multi-head latent attention. */
export class LatentAttention implements AttentionPart {
  readonly layers: number;
  readonly numHeads: number;
  readonly valueSize = VALUE;
  /** What stands between the products is rounded too (docs/numbers.md). */
  readonly bound = 2 * DEVIATION_BOUND;
  readonly #layers: readonly Layer[];

  constructor(file: Safetensors, layers: number) {
    this.#layers = Array.from({ length: layers }, (_, layer) => {
      const name = (part: string) => `blocks.${layer}.attn.${part}`;
      return {
        query: storedMatrix(file, name("q.weight")),
        latent: storedMatrix(file, name("kv_a.weight")),
        norm: storedVector(file, name("kv_norm.w")),
        kvB: bfloat16.encode(storedMatrix(file, name("kv_b.weight")).values),
      };
    });
    this.layers = layers;
    this.numHeads = this.#layers[0]!.query.rows / (NOPE + ROPE);
  }

  get inputShapes() {
    const { numHeads } = this;
    return { queryNope: [numHeads, NOPE], queryRope: [numHeads, ROPE], latent: [RANK], keyRope: [ROPE] };
  }

  project(layer: number, normed: Float32Array, positions: Int32Array): AttentionInputs {
    const { query: weight, latent: downward, norm } = this.#layers[layer]!;
    const query = linear(normed, weight);
    const queryRope = columns(query, NOPE + ROPE, NOPE, NOPE + ROPE);
    const cached = linear(normed, downward);
    const keyRope = columns(cached, RANK + ROPE, RANK, RANK + ROPE);
    rotate(queryRope, positions, this.numHeads, ROPE);
    rotate(keyRope, positions, 1, ROPE);
    return {
      queryNope: bfloat16.encode(columns(query, NOPE + ROPE, 0, NOPE)),
      queryRope: bfloat16.encode(queryRope),
      latent: bfloat16.encode(rmsNorm(columns(cached, RANK + ROPE, 0, RANK), norm)),
      keyRope: bfloat16.encode(keyRope),
    };
  }

  kept({ latent, keyRope }: AttentionInputs): Uint16Array {
    return sideBySide(latent!, keyRope!, keyRope!.length / ROPE);
  }

  /** Takes W_UK to the query and W_UV to the result, which is the same in exact arithmetic and does not take minutes. */
  expected(
    layer: number,
    { queryNope, queryRope }: AttentionInputs,
    token: number,
    head: number,
    past: Uint16Array,
  ): Float64Array {
    const at = token * this.numHeads + head;
    const weights = bfloat16.decode(
      this.#layers[layer]!.kvB.subarray(head * (NOPE + VALUE) * RANK, (head + 1) * (NOPE + VALUE) * RANK),
    );
    const nope = vector(queryNope!, at, NOPE);
    const query = new Float64Array(RANK + ROPE);
    for (let e = 0; e < NOPE; e++) {
      for (let l = 0; l < RANK; l++) query[l]! += nope[e]! * weights[e * RANK + l]!;
    }
    query.set(vector(queryRope!, at, ROPE), RANK);
    const rows = Array.from({ length: past.length / (RANK + ROPE) }, (_, position) =>
      vector(past, position, RANK + ROPE),
    );
    const latent = attendOne(query, rows, rows, 1 / Math.sqrt(NOPE + ROPE));
    return Float64Array.from({ length: VALUE }, (_, e) => {
      let sum = 0;
      for (let l = 0; l < RANK; l++) sum += weights[(NOPE + e) * RANK + l]! * latent[l]!;
      return sum;
    });
  }

  async onDevice(
    device: Device,
    { backend, blockSize }: { backend?: string | undefined; blockSize: number },
  ): Promise<OnDevice> {
    const { numHeads } = this;
    const attention = createMlaAttention(device, {
      ...{ numHeads, kvLoraRank: RANK, backend, blockSize },
      dtype: "bfloat16",
    });
    const weights = await Promise.all(
      this.#layers.map(async ({ kvB }) => {
        const shape = [numHeads * (NOPE + VALUE), RANK];
        using tensor = await device.upload(kvB, { shape, dtype: "bfloat16" });
        return attention.prepareKvB(tensor);
      }),
    );
    return {
      attention,
      forward: (layer, tensors, at) =>
        attention.forward({
          ...(tensors as Record<"queryNope" | "queryRope" | "latent" | "keyRope", Tensor>),
          weights: weights[layer]!,
          ...at,
        }),
    };
  }
}
