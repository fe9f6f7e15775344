import type { Capture } from "../device/capture.js";
import type { Device } from "../device/device.js";
import type { Stream } from "../device/stream.js";
import type { Tensor } from "../device/tensor.js";

/**
 * Device memory between the kernels of a call, allocated when a stream first needs it and kept. A stream's launches follow
 * each other, so one piece serves them all and ends with the stream; a capture's piece is its graph's alone, which may be
 * launched on any stream, and ends with it.
 */
export class Workspace {
  readonly #pieces = new WeakMap<Stream | Capture, Tensor>();
  readonly #ofStreams = new Set<Tensor>();

  constructor(
    private readonly device: Device,
    private readonly bytes: number,
  ) {}

  /** The address of the piece for a call on `stream`, in its `capture`; 0n where none is needed. ERR_OUT_OF_MEMORY. */
  at(stream: Stream, capture: Capture | null): bigint {
    if (this.bytes === 0) return 0n;
    const owner = capture ?? stream;
    const known = this.#pieces.get(owner);
    if (known !== undefined) return known.pointer;
    for (const piece of this.#ofStreams) if (piece.disposed) this.#ofStreams.delete(piece);
    const piece = owner.own(this.device.empty([this.bytes], "uint8", { category: "workspace" }));
    this.#pieces.set(owner, piece);
    if (owner === stream) this.#ofStreams.add(piece);
    return piece.pointer;
  }

  /** Frees the streams' pieces after their last use. */
  dispose(): void {
    for (const piece of this.#ofStreams) piece.dispose();
    this.#ofStreams.clear();
  }
}
