import {
  type Batch,
  type BatchUpdate,
  createBatch,
  type Device,
  type Graph,
  type Stream,
} from "../../index.js";
import type { OnDevice } from "./attention-part.js";

/** Enqueues a layer's attention over the batch's current step. */
export type EnqueueLayer = (layer: number, batch: Batch, stream?: Stream) => void;

/**
 * Decode steps of one number of sequences as graphs over a batch of their own: one a layer, since this model computes on the
 * CPU between the layers. Replays take the splits of the longest sequence that the batch admits.
 */
export class DecodeGraph {
  readonly #batch: Batch;
  #layers: readonly Graph[] = [];

  constructor(
    private readonly device: Device,
    private readonly attention: OnDevice["attention"],
    limits: { sequences: number; maxBlocksPerSequence: number },
  ) {
    const { sequences, maxBlocksPerSequence } = limits;
    const tokens = { maxTokens: sequences, maxQueryLen: 1 };
    this.#batch = createBatch(device, { maxSequences: sequences, ...tokens, maxBlocksPerSequence });
  }

  /** Announces the next step; before the first one's replay the layers are captured. */
  begin(step: BatchUpdate, layers: number, enqueue: EnqueueLayer): void {
    this.#batch.update(step);
    if (this.#layers.length === layers) return;
    this.attention.prepare(this.#batch);
    const stream = this.device.createStream();
    this.#layers = Array.from({ length: layers }, (_, layer) => {
      stream.beginCapture();
      enqueue(layer, this.#batch, stream);
      return stream.endCapture();
    });
    stream.dispose();
  }

  launch(layer: number): void {
    this.#layers[layer]!.launch();
  }
}
