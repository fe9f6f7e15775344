import { checkInstance, checkInteger, checkIntegers, checkOptions, isArray } from "../arguments.js";
import { invalidArgument } from "../errors.js";
import type { NativeEvent, NativeGraph, NativeStream } from "../native.js";
import { Capture } from "./capture.js";
import { DeviceContext, DeviceObject } from "./context.js";
import { hostBytes } from "./host-bytes.js";
import { addLaunch, beginGathering, endGathering } from "./launch-list.js";
import { Kernel } from "./module.js";
import { Owned } from "./owned.js";

/** An open device as its streams, and what is enqueued on them, know it. */
export interface DeviceWithStreams extends DeviceContext {
  /** The stream of every call that names none. */
  readonly defaultStream: Stream;
  /** @internal The stream that a call names, or the default one; checks that it is this device's. */
  streamOf(stream: unknown): Stream;
}

/** Checks a device that a program hands in: an open one that can take work. */
export function checkDevice(device: unknown): DeviceWithStreams {
  const checked = checkInstance(device, "device", { name: "Device", prototype: DeviceContext.prototype });
  checked.check();
  return checked as DeviceWithStreams;
}

/** How a kernel is launched. */
export interface LaunchOptions {
  /** Workgroups in x, y and z; what is left out is 1. */
  grid: readonly number[];
  /** Work-items of a workgroup in x, y and z, or in x alone; at most 1024 together. */
  block: number | readonly number[];
  /** The kernel's explicit arguments as its metadata lays them out. Copied at the call. */
  kernargs: ArrayBufferView | ArrayBuffer;
  /** Dynamic LDS in bytes, on top of what the kernel declares. Default 0. */
  ldsBytes?: number;
}

/**
 * A queue of a device: what is enqueued on it runs in program order; between streams only `wait` orders. Calls
 * enqueue and return; `synchronize`, reads and uploads are Promises and never block the event loop.
 */
export class Stream extends DeviceObject<NativeStream, DeviceWithStreams> {
  readonly #owned = new Owned(this);
  /** The capture that this stream has begun. */
  #begun: Capture | null = null;

  /** @internal */
  constructor(device: DeviceWithStreams, native: NativeStream) {
    super(device, native, "stream");
  }

  /**
   * Uses a stream (hipStream_t) of another library on this device; 0n is the null stream. The owner keeps it alive
   * until this object is disposed of.
   */
  static fromHandle(device: DeviceWithStreams, handle: bigint): Stream {
    const owner = checkDevice(device);
    if (typeof handle !== "bigint" || handle < 0n || handle >= 1n << 64n) {
      throw invalidArgument("handle", "a hipStream_t as a bigint", handle);
    }
    return new Stream(owner, owner.native.streamFromHandle(handle));
  }

  /** The hipStream_t. */
  get handle(): bigint {
    return this.native.handle;
  }

  /** @internal Lets `resource`, made for this stream alone, be disposed of when the stream is, or is collected. */
  own<Resource extends { dispose(): void }>(resource: Resource): Resource {
    return this.#owned.add(resource);
  }

  /** @internal The capture that the stream takes part in now; null where it is not captured. */
  get capture(): Capture | null {
    return Capture.of(this.native.capture);
  }

  /** Settles when everything that is enqueued now has ended; rejects with what went wrong on the device. */
  async synchronize(): Promise<void> {
    await this.native.synchronize();
  }

  /** Marks this point of the stream. */
  record(): DeviceEvent {
    return new DeviceEvent(this.device, this.native.record());
  }

  /** Lets what is enqueued from now on wait until `event`, of this or another device of the same kind, has happened. */
  wait(event: DeviceEvent): void {
    this.native.wait(checkInstance(event, "event", DeviceEvent).native);
  }

  /** Enqueues a kernel. The arguments' pointers are taken on trust. */
  launch(kernel: Kernel, options: LaunchOptions): void {
    checkInstance(kernel, "kernel", Kernel);
    const given = checkOptions(options, ["grid", "block", "kernargs", "ldsBytes"]);
    const grid = extents(given.grid, "grid", 2 ** 31 - 1);
    const block = extents(isArray(given.block) ? given.block : [given.block], "block", 1024);
    if (block[0] * block[1] * block[2] > 1024) {
      throw invalidArgument("block", "at most 1024 work-items together", block);
    }
    if (grid.some((workgroups, axis) => workgroups * block[axis]! >= 2 ** 32)) {
      throw invalidArgument("grid", "fewer than 2^32 work-items in each dimension", grid);
    }
    const ldsLimit = this.device.info.ldsBytes - kernel.ldsBytes;
    const ldsBytes = given.ldsBytes === undefined ? 0 : checkInteger(given.ldsBytes, "ldsBytes", 0, ldsLimit);
    const kernargs = hostBytes(given.kernargs, "kernargs");
    const { explicitKernargBytes } = kernel;
    if (kernargs.byteLength < explicitKernargBytes || kernargs.byteLength > kernel.kernargBytes) {
      throw invalidArgument(
        "kernargs",
        `the ${explicitKernargBytes} bytes of arguments that ${kernel.symbol} takes`,
        `${kernargs.byteLength} bytes`,
      );
    }
    const [blockX, blockY, blockZ] = block;
    const [gridX, gridY, gridZ] = grid;
    addLaunch(
      this.gatheringHandle,
      kernel.number,
      gridX,
      gridY,
      gridZ,
      blockX,
      blockY,
      blockZ,
      ldsBytes,
      kernargs,
    );
  }

  /**
   * @internal Runs `body`, whose launches on this stream enter native code together, in their order with all else. Where
   * it throws, launches that have not entered yet are forgotten.
   */
  together(body: () => void): void {
    beginGathering(this.gatheringHandle);
    let succeeded = false;
    try {
      body();
      succeeded = true;
    } finally {
      endGathering(succeeded);
    }
  }

  /**
   * From here to `endCapture()` what is enqueued on this stream is remembered and not run. Other streams join the
   * capture when they wait for an event that was recorded in it; the stream that began it must wait for theirs in turn.
   */
  beginCapture(): void {
    this.native.beginCapture();
    this.#begun = new Capture(this.native.capture);
  }

  /** Ends `beginCapture()` and gives what was captured. */
  endCapture(): Graph {
    const { native } = this;
    try {
      return new Graph(this.device, native.endCapture(), this.#begun!);
    } catch (error) {
      if (native.capture === 0) this.#begun?.dispose();
      throw error;
    } finally {
      if (native.capture === 0) this.#begun = null;
    }
  }

  /** Returns at once; what is enqueued still runs. The default stream ends with its device. */
  override dispose(): void {
    if (!this.disposed && this === this.device.defaultStream) {
      throw invalidArgument("stream", "a stream other than the device's default stream", this);
    }
    super.dispose();
    this.#owned.dispose();
    this.#begun?.dispose();
  }
}

/** A point in a stream's order, made by `stream.record()`. Streams that wait for it still do after its `dispose()`. */
export class DeviceEvent extends DeviceObject<NativeEvent> {
  /** @internal */
  constructor(device: DeviceContext, native: NativeEvent) {
    super(device, native, "event");
  }

  /** Settles when everything that was enqueued before the event has ended. */
  async reached(): Promise<void> {
    await this.native.reached();
  }

  /** Milliseconds on the device's clock from `since` to this event, after waiting for both. */
  async elapsedMs(since: DeviceEvent): Promise<number> {
    if (checkInstance(since, "since", DeviceEvent).device !== this.device) {
      throw invalidArgument("since", "an event of the same device", "one of another device");
    }
    await since.native.reached();
    await this.native.reached();
    return this.native.elapsedMs(since.native);
  }
}

/**
 * Work captured by `stream.beginCapture()` ... `stream.endCapture()`, to be enqueued again as a whole. It holds the
 * addresses that the captured calls used: their tensors and modules must live as long as it is launched. Launches that
 * are under way at its `dispose()` finish.
 */
export class Graph extends DeviceObject<NativeGraph, DeviceWithStreams> {
  readonly #capture: Capture;

  /** @internal */
  constructor(device: DeviceWithStreams, native: NativeGraph, capture: Capture) {
    super(device, native, "graph");
    this.#capture = capture;
  }

  /** Enqueues the captured work. */
  launch(stream: Stream = this.device.defaultStream): void {
    this.native.launch(this.device.streamOf(stream).native);
  }

  override dispose(): void {
    super.dispose();
    this.#capture.dispose();
  }
}

function extents(value: unknown, argument: string, limit: number): [number, number, number] {
  const sizes = checkIntegers(value, argument, 1, limit);
  if (sizes.length < 1 || sizes.length > 3) {
    throw invalidArgument(argument, `1 to 3 integers between 1 and ${limit}`, value);
  }
  return [sizes[0]!, sizes[1] ?? 1, sizes[2] ?? 1];
}
