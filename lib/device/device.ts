import { checkInstance, checkInteger, checkOneOf, checkOptions } from "../arguments.js";
import { TARGETS } from "../catalog/targets.js";
import { checkDType, type DType, itemSize } from "../dtype.js";
import { invalidArgument, RocmAttentionError } from "../errors.js";
import { type NativeDevice, native } from "../native.js";
import { emulatorLibrary } from "../native-files.js";
import { readCodeObject } from "./code-object.js";
import { DeviceContext, type DeviceInfo, deviceInfo } from "./context.js";
import { elementSource } from "./elements.js";
import { enqueueFill } from "./enqueue.js";
import { hipLibrary, requireHipLibrary } from "./hip-library.js";
import { type HostBytes, hostBytes } from "./host-bytes.js";
import { checkShape, elementCount } from "./layout.js";
import { MEMORY_CATEGORIES, type MemoryCategory, type MemoryReport, NOTHING, Storage } from "./memory.js";
import { Module } from "./module.js";
import { warnOfSlowEmulation } from "./slow-emulation.js";
import { type DeviceWithStreams, Stream } from "./stream.js";
import { Tensor } from "./tensor.js";

/** A target that the emulator executes. */
export type EmulatedArch = `gfx${string}`;
/** The targets that `Device.open({ emulate })` takes. */
export const EMULATED_ARCHS: readonly EmulatedArch[] = TARGETS.filter((target) => target.emulated).map(
  ({ name }) => name as EmulatedArch,
);

/** The looks of an emulated device. */
export interface EmulatedDeviceOptions {
  /** The target of the GPU to emulate: "gfx942". */
  emulate: EmulatedArch;
  /** Compute units that it says it has; work is split for as many. 8 keeps work small. Default: what the real GPU has. */
  computeUnits?: number;
  /** Bytes. Default: what the real GPU has; memory is taken from the host when it is first touched. */
  memoryBytes?: number;
}

/**
 * A GPU, or an emulated one. `Device.open`, `loadModule` and allocations block (they are for start-up); everything
 * else enqueues and returns, or is a Promise.
 */
export class Device extends DeviceContext implements DeviceWithStreams {
  /** The stream of every call that names none. It is not HIP's null stream and waits for no other stream. */
  readonly defaultStream: Stream;

  private constructor(native: NativeDevice) {
    super(native);
    this.defaultStream = new Stream(this, native.createStream());
  }

  /** The machine's GPUs; none where there is no GPU or no HIP runtime. Emulated devices are not listed. */
  static list(): DeviceInfo[] {
    return hipLibrary().path === null ? [] : native().listDevices().map(deviceInfo);
  }

  /**
   * Opens a GPU by its ordinal, or an emulated one. Without an argument the variable ROCM_ATTENTION_DEVICE =
   * emulator:<arch> opens an emulated device, and GPU 0 is opened where it is not set.
   * Errors: ERR_HIP_LIBRARY, ERR_NO_DEVICE, ERR_INVALID_ARGUMENT, ERR_OUT_OF_MEMORY, ERR_HIP.
   */
  static open(target: number | EmulatedDeviceOptions = requestedDevice()): Device {
    if (typeof target === "number") return Device.#openGpu(target);
    if (typeof target !== "object" || target === null) {
      throw invalidArgument("device", 'an ordinal or { emulate: "gfx942" }', target);
    }
    const { emulate, computeUnits, memoryBytes } = checkOptions(
      target,
      ["emulate", "computeUnits", "memoryBytes"],
      "device",
    );
    const arch = checkOneOf(emulate, "emulate", EMULATED_ARCHS);
    const units = computeUnits === undefined ? 0 : checkInteger(computeUnits, "computeUnits", 1, 1024);
    const bytes = memoryBytes === undefined ? 0 : checkInteger(memoryBytes, "memoryBytes", 4096, 2 ** 46);
    const device = new Device(native().openEmulatedDevice(emulatorLibrary(), arch, units, bytes));
    warnOfSlowEmulation();
    return device;
  }

  static #openGpu(ordinal: number): Device {
    checkInteger(ordinal, "ordinal", 0);
    requireHipLibrary();
    const count = native().listDevices().length;
    if (ordinal >= count) {
      throw new RocmAttentionError(
        "ERR_NO_DEVICE",
        `there is no GPU ${ordinal}: the HIP runtime sees ${count === 0 ? "none" : `${count}`}. ` +
          "Check that /dev/kfd and /dev/dri/renderD* can be opened (groups render and video) and what " +
          "HIP_VISIBLE_DEVICES says; without a GPU use " +
          'Device.open({ emulate: "gfx942" }) or ROCM_ATTENTION_DEVICE=emulator:gfx942',
        { argument: "ordinal" },
      );
    }
    return new Device(native().openDevice(ordinal));
  }

  /** A stream of its own, which waits for no other unless told to. ERR_HIP, ERR_DEVICE_FAULT. */
  createStream(): Stream {
    this.check();
    return new Stream(this, this.native.createStream());
  }

  /** Allocates a tensor whose contents are not set. Blocks. ERR_OUT_OF_MEMORY says what was asked and left. */
  empty<D extends DType>(
    shape: readonly number[],
    dtype: D,
    options?: { category?: MemoryCategory },
  ): Tensor<D> {
    const { category } = checkOptions(options, ["category"]);
    this.check();
    return this.#allocate(checkShape(shape), checkDType(dtype, "dtype") as D, category);
  }

  /** Allocates a tensor and enqueues its filling with zeros. */
  zeros<D extends DType>(
    shape: readonly number[],
    dtype: D,
    options?: { stream?: Stream; category?: MemoryCategory },
  ): Tensor<D> {
    const { stream, category } = checkOptions(options, ["stream", "category"]);
    const target = this.streamOf(stream);
    const tensor = this.#allocate(checkShape(shape), checkDType(dtype, "dtype") as D, category);
    try {
      enqueueFill(target, tensor.pointer, 0, tensor.byteLength);
    } catch (error) {
      tensor.dispose();
      throw error;
    }
    return tensor;
  }

  /**
   * Allocates a tensor and fills it with the bytes of `data`, which must stay unchanged until the Promise settles.
   * The numbers of a Float32Array are rounded to a float dtype; all else is taken as the bytes of `dtype`.
   */
  async upload<D extends DType>(
    data: HostBytes,
    options: { shape: readonly number[]; dtype: D; stream?: Stream; category?: MemoryCategory },
  ): Promise<Tensor<D>> {
    const { shape, dtype, stream, category } = checkOptions(options, [
      "shape",
      "dtype",
      "stream",
      "category",
    ]);
    const target = this.streamOf(stream);
    const sizes = checkShape(shape);
    const type = checkDType(dtype, "dtype") as D;
    const { byteLength } = elementSource(type, data);
    const expected = elementCount(sizes) * itemSize(type);
    if (byteLength !== expected) {
      throw invalidArgument(
        "data",
        `${expected} bytes for shape [${sizes}] of ${type}`,
        `${byteLength} bytes`,
      );
    }
    const tensor = this.#allocate(sizes, type, category);
    try {
      await tensor.write(data, { stream: target });
    } catch (error) {
      tensor.dispose();
      throw error;
    }
    return tensor;
  }

  #allocate<D extends DType>(shape: readonly number[], dtype: D, category: unknown = "tensor"): Tensor<D> {
    const purpose = MEMORY_CATEGORIES.indexOf(checkOneOf(category, "category", MEMORY_CATEGORIES));
    const bytes = elementCount(shape) * itemSize(dtype);
    if (bytes === 0) return Tensor.over(new Storage(this, 0n, 0, NOTHING), shape, dtype);
    const memory = this.native.allocate(bytes, purpose);
    return Tensor.over(new Storage(this, memory.pointer, bytes, memory), shape, dtype);
  }

  /**
   * Loads a code object (an AMDGPU ELF). Blocks. ERR_KERNEL_CORRUPT where the bytes are not one, ERR_HIP
   * (hipErrorNoBinaryForGpu) where it is made for another target.
   */
  loadModule(bytes: HostBytes): Module {
    this.check();
    const image = hostBytes(bytes, "bytes");
    const codeObject = readCodeObject(image);
    return new Module(this, this.native.loadModule(image), codeObject);
  }

  /** The device memory in use now, in bytes, by what it is for. */
  memory(): MemoryReport {
    this.check({ evenIfLost: true });
    const [free, total, reserved, allocated, peak, staging, host, ...categories] = this.native.memory() as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      ...number[],
    ];
    const byCategory = Object.fromEntries(
      MEMORY_CATEGORIES.map((category, index) => [category, categories[index]!]),
    ) as Record<MemoryCategory, number>;
    return { allocated, reserved, peak, staging, host, free, total, byCategory };
  }

  /** @internal The stream that a call names, or the default one; checks that it is this device's. */
  streamOf(stream: unknown): Stream {
    this.check();
    if (stream === undefined) return this.defaultStream;
    const { device } = checkInstance(stream, "stream", Stream);
    if (device !== this) {
      throw invalidArgument(
        "stream",
        `a stream of ${this.info.name} ${this.info.ordinal}`,
        `one of ${device.info.name} ${device.info.ordinal} (another device)`,
      );
    }
    return stream as Stream;
  }
}

/** The device that ROCM_ATTENTION_DEVICE asks for. */
function requestedDevice(): number | EmulatedDeviceOptions {
  const value = process.env.ROCM_ATTENTION_DEVICE;
  if (value === undefined || value === "") return 0;
  const arch = EMULATED_ARCHS.find((name) => value === `emulator:${name}`);
  if (arch !== undefined) return { emulate: arch };
  throw invalidArgument(
    "ROCM_ATTENTION_DEVICE",
    `one of ${EMULATED_ARCHS.map((name) => `emulator:${name}`).join(", ")}`,
    value,
  );
}
