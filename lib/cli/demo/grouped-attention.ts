import { bfloat16, createAttention, type Device, type Tensor } from "../../index.js";
import { attendOne, DEVIATION_BOUND, vector } from "../reference.js";
import type { AttentionInputs, AttentionPart, OnDevice } from "./attention-part.js";
import { linear, type Matrix, rotate } from "./linear.js";
import type { Safetensors } from "./safetensors.js";
import { sideBySide, storedMatrix } from "./weights.js";

const HEAD_SIZE = 128;

/** Grouped-query attention with rotary positions. */
export class GroupedAttention implements AttentionPart {
  readonly layers: number;
  readonly numHeads: number;
  readonly numKvHeads: number;
  readonly valueSize = HEAD_SIZE;
  readonly bound = DEVIATION_BOUND;
  readonly #projections: readonly Readonly<Record<"query" | "key" | "value", Matrix>>[];

  constructor(file: Safetensors, layers: number) {
    this.#projections = Array.from({ length: layers }, (_, layer) => {
      const weight = (part: string) => storedMatrix(file, `blocks.${layer}.attn.${part}.weight`);
      return { query: weight("q"), key: weight("k"), value: weight("v") };
    });
    this.layers = layers;
    this.numHeads = this.#projections[0]!.query.rows / HEAD_SIZE;
    this.numKvHeads = this.#projections[0]!.key.rows / HEAD_SIZE;
  }

  get inputShapes() {
    const kv = [this.numKvHeads, HEAD_SIZE];
    return { query: [this.numHeads, HEAD_SIZE], key: kv, value: kv };
  }

  project(layer: number, normed: Float32Array, positions: Int32Array): AttentionInputs {
    const weights = this.#projections[layer]!;
    const query = linear(normed, weights.query);
    const key = linear(normed, weights.key);
    rotate(query, positions, this.numHeads, HEAD_SIZE);
    rotate(key, positions, this.numKvHeads, HEAD_SIZE);
    const value = linear(normed, weights.value);
    return { query: bfloat16.encode(query), key: bfloat16.encode(key), value: bfloat16.encode(value) };
  }

  kept({ key, value }: AttentionInputs): Uint16Array {
    return sideBySide(key!, value!, key!.length / (this.numKvHeads * HEAD_SIZE));
  }

  expected(
    _: number,
    { query }: AttentionInputs,
    token: number,
    head: number,
    past: Uint16Array,
  ): Float64Array {
    const perToken = 2 * this.numKvHeads;
    const kvHead = Math.floor((head * this.numKvHeads) / this.numHeads);
    const vectors = (first: number) =>
      Array.from({ length: past.length / (perToken * HEAD_SIZE) }, (_, position) =>
        vector(past, position * perToken + first, HEAD_SIZE),
      );
    const scale = 1 / Math.sqrt(HEAD_SIZE);
    return attendOne(
      vector(query!, token * this.numHeads + head, HEAD_SIZE),
      vectors(kvHead),
      vectors(this.numKvHeads + kvHead),
      scale,
    );
  }

  async onDevice(
    device: Device,
    { backend, blockSize }: { backend?: string | undefined; blockSize: number },
  ): Promise<OnDevice> {
    const { numHeads, numKvHeads } = this;
    const attention = createAttention(device, {
      ...{ numHeads, numKvHeads, headSize: HEAD_SIZE, backend, blockSize },
      dtype: "bfloat16",
    });
    return {
      attention,
      forward: (_, tensors, at) =>
        attention.forward({ ...(tensors as Record<"query" | "key" | "value", Tensor>), ...at }),
    };
  }
}
