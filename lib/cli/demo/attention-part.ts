import type { Attention, Batch, Device, KvCacheLayer, MlaAttention, Stream, Tensor } from "../../index.js";

/** What a layer's attention gets of one step, bfloat16 by name, as `forward` calls it: each [tokens, ...its shape]. */
export type AttentionInputs = Readonly<Record<string, Uint16Array>>;

/** The attention of a model: what it takes, how a device does it, and what it should come to. */
export interface AttentionPart {
  readonly layers: number;
  readonly numHeads: number;
  /** Elements of a head's result. */
  readonly valueSize: number;
  /** The shape of each input, without the tokens. */
  readonly inputShapes: Readonly<Record<string, readonly number[]>>;
  /** The largest rms(error) / rms(reference) of a row that rounding explains. */
  readonly bound: number;
  /** Projects a layer's normalised rows [tokens, width]. */
  project(layer: number, normed: Float32Array, positions: Int32Array): AttentionInputs;
  /** What the sequences have to keep of a step's tokens, one row a token. */
  kept(inputs: AttentionInputs): Uint16Array;
  /** One head's result for a token of the step, in float64, from what was kept of the sequence's tokens up to it. */
  expected(
    layer: number,
    inputs: AttentionInputs,
    token: number,
    head: number,
    past: Uint16Array,
  ): Float64Array;
  /** Makes the attention on a device, with what its layers need there. */
  onDevice(device: Device, options: { backend?: string | undefined; blockSize: number }): Promise<OnDevice>;
}

/** A model's attention on a device. */
export interface OnDevice {
  readonly attention: Attention | MlaAttention;
  forward(
    layer: number,
    tensors: Readonly<Record<string, Tensor>>,
    at: { output: Tensor; cache: KvCacheLayer; batch: Batch; stream?: Stream },
  ): void;
}
