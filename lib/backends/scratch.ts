import type { Batch } from "../attention/batch.js";
import type { Capture } from "../device/capture.js";
import type { Stream } from "../device/stream.js";
import type { Tensor } from "../device/tensor.js";

/**
 * Device memory between the kernels of a call, allocated when a (batch, stream) first needs it and kept. A stream's launches
 * follow each other, so one piece serves them all; what a capture uses is its graph's alone, since that may be launched
 * on any stream.
 */
export class Scratch {
  /** By batch, stream and capture (null: none). */
  readonly #tensors = new Map<Batch, Map<Stream, Map<Capture | null, Tensor>>>();

  /** The address of the scratch; `elements` says how many float32 it needs where it must be allocated. */
  get(batch: Batch, stream: Stream, elements: () => number): bigint {
    const { capture } = stream;
    const known = this.#tensors.get(batch)?.get(stream)?.get(capture);
    if (known !== undefined) return known.pointer;
    this.#dropUnused();
    const tensor = batch.device.empty([elements()], "float32", { category: "workspace" });
    const ofBatch = this.#tensors.get(batch) ?? new Map<Stream, Map<Capture | null, Tensor>>();
    const ofStream = ofBatch.get(stream) ?? new Map<Capture | null, Tensor>();
    this.#tensors.set(batch, ofBatch.set(stream, ofStream.set(capture, tensor)));
    return tensor.pointer;
  }

  /** Frees everything after its last use. */
  dispose(): void {
    for (const ofBatch of this.#tensors.values()) for (const ofStream of ofBatch.values()) free(ofStream);
    this.#tensors.clear();
  }

  /** Frees what belongs to batches that have been disposed of, and streams' own scratch likewise. */
  #dropUnused(): void {
    for (const [batch, ofBatch] of this.#tensors) {
      for (const [stream, ofStream] of ofBatch) {
        if (batch.disposed) free(ofStream);
        else if (stream.disposed) ofStream.get(null)?.dispose();
      }
      if (batch.disposed) this.#tensors.delete(batch);
    }
  }
}

function free(tensors: Map<Capture | null, Tensor>): void {
  for (const tensor of tensors.values()) tensor.dispose();
}
