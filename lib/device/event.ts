import { RocmAttentionError } from "../errors.js";
import type { NativeEvent } from "../native.js";
import type { Device } from "./device.js";

/** A point in a stream's order, made by `stream.record()`. */
export class DeviceEvent {
  #disposed = false;

  /** @internal */
  constructor(
    readonly device: Device,
    private readonly handle: NativeEvent,
  ) {}

  /** @internal The native event, for as long as it may be used. */
  get native(): NativeEvent {
    if (this.disposed) {
      throw new RocmAttentionError("ERR_DISPOSED", "the event was used after its dispose()");
    }
    return this.handle;
  }

  get disposed(): boolean {
    return this.#disposed || this.device.closed;
  }

  /** Settles when everything that was enqueued before the event has ended. */
  async reached(): Promise<void> {
    await this.native.reached();
  }

  /** Milliseconds on the device's clock from `since` to this event, after waiting for both. */
  async elapsedMs(since: DeviceEvent): Promise<number> {
    await since.native.reached();
    await this.native.reached();
    return this.native.elapsedMs(since.native);
  }

  /** Returns at once; streams that wait for the event still do. Idempotent. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.handle.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
