import { RocmAttentionError } from "../errors.js";
import type { NativeDevice } from "../native.js";

/** What is known of a device without opening it. */
export interface DeviceInfo {
  /** HIP's number of the device. */
  readonly ordinal: number;
  readonly name: string;
  /** The target without its features: "gfx942". */
  readonly arch: string;
  /** The target as HIP gives it: "gfx942:sramecc+:xnack-". */
  readonly gcnArchName: string;
  readonly computeUnits: number;
  /** Bytes. */
  readonly totalMemory: number;
  /** Work-items of a wave: 64 on CDNA. */
  readonly waveSize: number;
  /** LDS of a compute unit that one workgroup can have, in bytes. */
  readonly ldsBytes: number;
  readonly emulated: boolean;
}

/** An open device as the things that live on it know it. */
export interface DeviceContext {
  readonly info: DeviceInfo;
  readonly closed: boolean;
  /** Whether a fault has ended the device's work; only `close()` is of use then. */
  readonly lost: boolean;
  /** @internal */
  readonly native: NativeDevice;
  /** @internal Throws unless the device can take work. */
  check(): void;
}

/**
 * Something on a device that must be given back: `dispose()` gives back `handle` once, and its use is an error
 * after that and after the device was closed.
 */
export abstract class DeviceObject<
  Handle extends { dispose(): void },
  Owner extends DeviceContext = DeviceContext,
> {
  readonly device: Owner;
  readonly #handle: Handle;
  readonly #noun: string;
  #disposed = false;

  /** @internal `noun`: its name in errors. */
  constructor(device: Owner, handle: Handle, noun: string) {
    this.device = device;
    this.#handle = handle;
    this.#noun = noun;
  }

  get disposed(): boolean {
    return this.#disposed || this.device.closed;
  }

  /** @internal The handle, for as long as it may be used. */
  get native(): Handle {
    if (this.#disposed || this.device.closed) {
      const end = this.#disposed ? "its dispose()" : "its device was closed";
      throw new RocmAttentionError("ERR_DISPOSED", `the ${this.#noun} was used after ${end}`);
    }
    return this.#handle;
  }

  /** Returns at once; enqueued work that needs it still runs. Idempotent. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#handle.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
