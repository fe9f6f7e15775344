import { createRequire } from "node:module";
import { isMainThread } from "node:worker_threads";
import { RocmAttentionError } from "./errors.js";
import { addonFailure } from "./native-failure.js";
import { addonFile } from "./native-files.js";
import { packageRoot } from "./package.js";

/** One library that the loader of the HIP runtime tried, and why it was not taken (`null`: it was). */
export interface NativeLoadAttempt {
  library: string;
  error: string | null;
}

export interface NativeHipLibrary {
  /** The file that was loaded, or `null`. */
  path: string | null;
  /** hipRuntimeGetVersion: major * 10,000,000 + minor * 100,000 + patch; 0 while nothing is loaded. */
  version: number;
  attempts: NativeLoadAttempt[];
}

export interface NativeDeviceInfo {
  ordinal: number;
  name: string;
  gcnArchName: string;
  computeUnits: number;
  /** 0 where the HIP runtime does not say. */
  xcds: number;
  /** 0 where the HIP runtime does not say. */
  chipId: number;
  totalMemory: number;
  waveSize: number;
  ldsBytes: number;
  emulated: boolean;
}

/**
 * What the addon exports. Only lib/device talks to it, in positional calls; it checks object types, device
 * membership and byte ranges, and leaves everything else to its callers. Its failures are RocmAttentionErrors.
 */
export interface NativeBinding {
  /**
   * Hands in the error class that native code throws, and whether this thread ends with the process (which then
   * frees everything). Once per thread.
   */
  initialize(errorClass: typeof RocmAttentionError, mainThread: boolean): void;
  /**
   * Loads the first library that works. The process loads one HIP runtime for good: later calls answer that
   * one. With `loadedOnly` a library is taken only where the process has it already.
   */
  loadHip(candidates: readonly { library: string; loadedOnly: boolean }[]): NativeHipLibrary;
  /** The GPUs of the loaded HIP runtime; none where none is loaded. */
  listDevices(): NativeDeviceInfo[];
  openDevice(ordinal: number): NativeDevice;
  /** `computeUnits` and `memoryBytes` 0: what the real GPU has. */
  openEmulatedDevice(library: string, arch: string, computeUnits: number, memoryBytes: number): NativeDevice;
  /** Sets what the variable ROCM_EMULATOR_<name> would; false where there is no such option or value. */
  setEmulatorOption(library: string, name: string, value: string): boolean;
  /** The counters of launches on the emulator's device `ordinal` since the last call, as JSON. */
  takeEmulatorCounters(library: string, ordinal: number): string;
  /** The x86-64 level whose code the emulator runs. */
  emulatorCpuLevel(library: string): "x86_64" | "x86_64_v3" | "x86_64_v4";
  /**
   * The highest of the first counts[row] numbers of all `rows` rows of a table, whose rows begin `columns` apart: -1 where
   * there is none, 2^32 - 1 where one is negative.
   */
  highestOfRows(table: Int32Array, columns: number, counts: Int32Array, rows: number): number;
  /**
   * A file of kernels that was built into the addon ("gfx942/manifest.json"), as a copy; null where there is none of that
   * name. Absent where nothing was built in.
   */
  embeddedFile?(name: string): Uint8Array | null;
  /** The names of all files that were built into the addon. */
  embeddedNames?(): string[];
  /** How often the emulator's HIP function of that name has been called in this process. */
  emulatorCalls(library: string, name: string): number;
}

export interface NativeDevice {
  readonly info: NativeDeviceInfo;
  readonly lost: boolean;
  /** Allocates device memory, counted under one of 8 categories. */
  allocate(bytes: number, category: number): NativeMemory;
  /** Allocates pinned host memory, which kernels and copies reach. */
  allocateHost(bytes: number): NativeMemory;
  createStream(): NativeStream;
  streamFromHandle(handle: bigint): NativeStream;
  /** hipModuleLoadData; the bytes are not needed afterwards. */
  loadModule(codeObject: Uint8Array): NativeModule;
  /** [free, total, reserved, allocated, peak, staging, host, allocated of category 0, 1, ... 7], in bytes. */
  memory(): number[];
  /** Settles when the work that is enqueued now on any stream of the device has ended. */
  fence(): Promise<void>;
  /** Refuses new work, waits for the enqueued work, then frees everything. A lost device closes too. */
  close(): Promise<void>;
}

export interface NativeMemory {
  readonly pointer: bigint;
  /** Frees the memory once the work that is enqueued now has ended. Idempotent. */
  dispose(): void;
}

export interface NativeStream {
  readonly handle: bigint;
  /** The number of the capture that the stream takes part in now; 0: none. */
  readonly capture: number;
  /**
   * Enqueues the launches that the first `length` bytes list: for each ten 32-bit words (the kernel's number, the grid's
   * and the block's x, y, z, dynamic LDS in bytes, bytes of kernel arguments, 0), then its arguments, filled up to a
   * multiple of 8 bytes.
   */
  launch(list: Uint8Array, length: number): void;
  fill(pointer: bigint, value: number, bytes: number): void;
  /** Between device memory and pinned host memory, in any direction. */
  copy(to: bigint, from: bigint, bytes: number): void;
  /** Copies between devices of one runtime. */
  peerCopy(to: bigint, toDevice: NativeDevice, from: bigint, fromDevice: NativeDevice, bytes: number): void;
  /** Copies `bytes` into pinned staging at the call and enqueues their way to `to`. */
  write(to: bigint, bytes: Uint8Array): void;
  /** {@link write}; settles when the bytes have arrived. */
  writeThrough(to: bigint, bytes: Uint8Array): Promise<void>;
  /** Enqueues the copy of device memory into `target`, which must be nobody else's until it settles. */
  read(from: bigint, target: ArrayBuffer, targetOffset: number, bytes: number): Promise<void>;
  record(): NativeEvent;
  wait(event: NativeEvent): void;
  synchronize(): Promise<void>;
  beginCapture(): void;
  endCapture(): NativeGraph;
  dispose(): void;
}

export interface NativeEvent {
  /** Settles when the event has happened. */
  reached(): Promise<void>;
  /** Milliseconds from `since` to this event; both must have happened. */
  elapsedMs(since: NativeEvent): number;
  dispose(): void;
}

export interface NativeModule {
  kernel(symbol: string, kernargBytes: number): NativeKernel;
  dispose(): void;
}

export interface NativeKernel {
  /** Its number in lists of launches. */
  readonly number: number;
  maxActiveBlocks(blockSize: number, ldsBytes: number): number;
}

export interface NativeGraph {
  launch(stream: NativeStream): void;
  dispose(): void;
}

let loaded: NativeBinding | undefined;

function load(): NativeBinding {
  let file: string | undefined;
  try {
    file = addonFile();
    const binding = createRequire(file)(file) as NativeBinding;
    binding.initialize(RocmAttentionError, isMainThread);
    return binding;
  } catch (cause) {
    throw addonFailure(packageRoot(), file, cause);
  }
}

/** The addon, loaded when it is first needed. Throws ERR_ADDON, saying what was tried and what to do. */
export function native(): NativeBinding {
  loaded ??= load();
  return loaded;
}
