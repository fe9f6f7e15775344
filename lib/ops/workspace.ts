import type { Capture } from "../device/capture.js";
import type { Device } from "../device/device.js";
import type { Stream } from "../device/stream.js";
import type { Tensor } from "../device/tensor.js";

/**
 * Device memory between the kernels of a call, allocated when a stream first needs it and kept. A stream's launches follow
 * each other, so one piece serves them all; a capture's piece is its graph's alone, which may be launched on any stream,
 * and ends with it.
 */
export class Workspace {
  readonly #byStream = new Map<Stream, Tensor>();
  readonly #byCapture = new WeakMap<Capture, Tensor>();

  constructor(
    private readonly device: Device,
    private readonly bytes: number,
  ) {}

  /** The address of the piece for a call on `stream`, in its `capture`; 0n where none is needed. ERR_OUT_OF_MEMORY. */
  at(stream: Stream, capture: Capture | null): bigint {
    if (this.bytes === 0) return 0n;
    const known = capture === null ? this.#byStream.get(stream) : this.#byCapture.get(capture);
    if (known !== undefined) return known.pointer;
    this.#dropUnused();
    const tensor = this.device.empty([this.bytes], "uint8", { category: "workspace" });
    if (capture === null) this.#byStream.set(stream, tensor);
    else this.#byCapture.set(capture, capture.own(tensor));
    return tensor.pointer;
  }

  /** Frees the streams' pieces after their last use. */
  dispose(): void {
    for (const tensor of this.#byStream.values()) tensor.dispose();
    this.#byStream.clear();
  }

  #dropUnused(): void {
    for (const [stream, tensor] of this.#byStream) {
      if (!stream.disposed) continue;
      tensor.dispose();
      this.#byStream.delete(stream);
    }
  }
}
