/// <reference lib="esnext.disposable" preserve="true" />
// Programs that compile for ES2022 have Symbol.dispose in the declarations by this.

import { type InspectOptions, inspect } from "node:util";
import { PackageObject } from "../arguments.js";
import { bareTarget, xcdsOf } from "../catalog/targets.js";
import { RocmAttentionError } from "../errors.js";
import type { NativeDevice, NativeDeviceInfo } from "../native.js";
import { flushLaunches } from "./launch-list.js";

/** The facts of a device that are known without opening it. */
export interface DeviceInfo {
  /** HIP's number of the device. */
  readonly ordinal: number;
  /** The GPU's name, as HIP gives it. */
  readonly name: string;
  /** The target without its features: "gfx942". */
  readonly arch: string;
  /** The target as HIP gives it: "gfx942:sramecc+:xnack-". */
  readonly gcnArchName: string;
  /** Compute units of the whole GPU. */
  readonly computeUnits: number;
  /** Chiplets (XCDs), each with an L2 cache of its own. Workgroups go to them in turn. */
  readonly xcds: number;
  /** PCI device id, which tells GPUs of one target apart; 0 where the HIP runtime does not say. */
  readonly chipId: number;
  /** Bytes. */
  readonly totalMemory: number;
  /** Work-items of a wave: 64 on CDNA. */
  readonly waveSize: number;
  /** LDS of a compute unit that one workgroup can have, in bytes. */
  readonly ldsBytes: number;
  /** Whether the emulator poses as this GPU: its times say nothing. */
  readonly emulated: boolean;
}

/** The facts of a device, from those that the addon gives. */
export function deviceInfo(info: NativeDeviceInfo): DeviceInfo {
  const arch = bareTarget(info.gcnArchName);
  return Object.freeze({ ...info, arch, xcds: info.xcds || xcdsOf(arch, info.computeUnits) });
}

/** An open device as the things that live on it know it. */
export abstract class DeviceContext extends PackageObject {
  /** The facts of the GPU. */
  readonly info: DeviceInfo;
  #closed: Promise<void> | undefined;

  /** @internal */
  constructor(
    /** @internal */
    readonly native: NativeDevice,
  ) {
    super();
    this.info = deviceInfo(native.info);
  }

  /** Whether `close()` has been called. */
  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** Whether a fault has ended the device's work; only `close()` is of use then. */
  get lost(): boolean {
    return this.native.lost;
  }

  /** Waits for all enqueued work, then frees everything that the device holds. Later calls: the same Promise. */
  close(): Promise<void> {
    this.#closed ??= this.native.close();
    return this.#closed;
  }

  /** The end of an `await using` declaration: as `close()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The device as `JSON.stringify` writes it. */
  toJSON(): DeviceInfo {
    return this.info;
  }

  /** @internal The device as `console.log` prints it, and with it all that lives on it. */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    const { ordinal, name, arch, computeUnits } = this.info;
    const state = this.closed ? { closed: true } : this.lost ? { lost: true } : {};
    return `Device ${inspect({ ordinal, name, arch, computeUnits, ...state }, options)}`;
  }

  /** @internal Throws unless the device can take work. */
  check({ evenIfLost = false } = {}): void {
    if (this.closed) throw new RocmAttentionError("ERR_DISPOSED", "the device was used after its close()");
    if (!evenIfLost && this.native.lost) {
      throw new RocmAttentionError(
        "ERR_DEVICE_FAULT",
        "the device was lost by an earlier fault: close it and open it again",
      );
    }
  }
}

/**
 * Something on a device that must be given back: `dispose()` gives back `handle` once, and its use is an error
 * after that and after the device was closed.
 */
export abstract class DeviceObject<
  Handle extends { dispose(): void },
  Owner extends DeviceContext = DeviceContext,
> extends PackageObject {
  /** The device on which it lies. */
  readonly device: Owner;
  readonly #handle: Handle;
  readonly #noun: string;
  #disposed = false;

  /** @internal `noun`: its name in errors. */
  constructor(device: Owner, handle: Handle, noun: string) {
    super();
    this.device = device;
    this.#handle = handle;
    this.#noun = noun;
  }

  /** Whether `dispose()` has been called, or the device was closed: it cannot be used any more. */
  get disposed(): boolean {
    return this.#disposed || this.device.closed;
  }

  /** @internal The handle, for as long as it may be used. What is done with it comes behind all gathered launches. */
  get native(): Handle {
    this.check();
    flushLaunches();
    return this.#handle;
  }

  /** @internal The handle for what gathers. */
  get gatheringHandle(): Handle {
    this.check();
    return this.#handle;
  }

  /** @internal Throws unless it may be used now. */
  check(): void {
    if (!this.#disposed && !this.device.closed) return;
    const end = this.#disposed ? "its dispose()" : "its device was closed";
    throw new RocmAttentionError("ERR_DISPOSED", `the ${this.#noun} was used after ${end}`);
  }

  /** Returns at once; enqueued work that needs it still runs. Idempotent. */
  dispose(): void {
    if (this.#disposed) return;
    flushLaunches();
    this.#disposed = true;
    this.#handle.dispose();
  }

  /** The end of a `using` declaration: as `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
