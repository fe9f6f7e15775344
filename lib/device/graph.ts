import { RocmAttentionError } from "../errors.js";
import type { NativeGraph } from "../native.js";
import type { Device } from "./device.js";
import type { Stream } from "./stream.js";

/**
 * Work captured by `stream.beginCapture()` ... `stream.endCapture()`, to be enqueued again as a whole. It holds the
 * addresses that the captured calls used: their tensors and modules must live as long as it is launched.
 */
export class Graph {
  #disposed = false;

  /** @internal */
  constructor(
    readonly device: Device,
    private readonly native: NativeGraph,
  ) {}

  get disposed(): boolean {
    return this.#disposed || this.device.closed;
  }

  /** Enqueues the captured work. */
  launch(stream: Stream = this.device.defaultStream): void {
    if (this.disposed) {
      throw new RocmAttentionError("ERR_DISPOSED", "the graph was used after its dispose()");
    }
    this.native.launch(this.device.streamOf(stream).native);
  }

  /** Returns at once; launches that are under way finish. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.native.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
