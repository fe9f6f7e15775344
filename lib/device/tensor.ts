import { type InspectOptions, inspect } from "node:util";
import { checkInteger, checkOptions } from "../arguments.js";
import { checkDType, type DType, itemSize } from "../dtype.js";
import { describe, invalidArgument, RocmAttentionError } from "../errors.js";
import { type FlexOperand, type FlexValue, readTensor } from "../flex/value.js";
import { DeviceObject } from "./context.js";
import { elementSource, gather, type TypedArray, toFloat32, typedArray } from "./elements.js";
import type { HostBytes } from "./host-bytes.js";
import { checkShape, checkStrides, contiguousStrides, isContiguous, spanBytes } from "./layout.js";
import { NOTHING, Storage } from "./memory.js";
import { checkDevice, type DeviceWithStreams, type Stream } from "./stream.js";
import { readPieces, writePieces } from "./transfer.js";

/** The contents of memory at a pointer, and its owner. */
export interface FromPointerOptions<D extends DType = DType> {
  /** Elements in each dimension; []: one element. */
  shape: readonly number[];
  /** The type of an element. */
  dtype: D;
  /** In elements; default: contiguous. */
  strides?: readonly number[];
  /** How many bytes from `pointer` on belong to the tensor and its views. */
  byteLength: number;
  /** Kept alive as long as the tensor is. */
  owner?: unknown;
  /**
   * Called once, when after `dispose()` the last enqueued work that can use the memory has ended. Nobody waits for it:
   * what it throws, or rejects with, becomes a warning of the process.
   */
  release?: () => void;
}

/** Which of a tensor's elements a view has. */
export interface ViewOptions {
  /** Default: the tensor's own. */
  shape?: readonly number[];
  /** In elements; default: contiguous for a given shape, else the tensor's own. */
  strides?: readonly number[];
  /** From the tensor's first element; default 0. A multiple of the dtype's size. */
  byteOffset?: number;
}

/**
 * Device memory with a shape, strides and a dtype. Made by `device.empty`, `zeros`, `upload` and `view`. `dispose()`
 * frees the memory after the work that is enqueued then.
 */
export class Tensor<D extends DType = DType> extends DeviceObject<typeof NOTHING, DeviceWithStreams> {
  /** Elements in each dimension; []: one element. */
  readonly shape: readonly number[];
  /** The type of an element. */
  readonly dtype: D;
  /** In elements, one per dimension. */
  readonly strides: readonly number[];
  /** From the start of the memory that the tensor looks into. */
  readonly byteOffset: number;
  /** From the first element to the end of the last; for a contiguous tensor elements x size of one. */
  readonly byteLength: number;
  /** @internal The largest power of two up to 256 that the first element's address is a multiple of. */
  readonly alignment: number;
  readonly #storage: Storage<DeviceWithStreams>;
  readonly #pointer: bigint;

  private constructor(
    storage: Storage<DeviceWithStreams>,
    shape: readonly number[],
    strides: readonly number[],
    dtype: D,
    byteOffset: number,
    ownsStorage: boolean,
  ) {
    super(storage.device, ownsStorage ? storage : NOTHING, "tensor");
    this.shape = shape;
    this.dtype = dtype;
    this.strides = strides;
    this.byteOffset = byteOffset;
    this.byteLength = spanBytes(shape, strides, dtype);
    this.#storage = storage;
    this.#pointer = storage.pointer + BigInt(byteOffset);
    const low = Number(this.#pointer & 255n);
    this.alignment = low === 0 ? 256 : low & -low;
  }

  /** @internal A contiguous tensor over the whole of `storage`, which it owns. */
  static over<D extends DType>(
    storage: Storage<DeviceWithStreams>,
    shape: readonly number[],
    dtype: D,
  ): Tensor<D> {
    return new Tensor(storage, shape, contiguousStrides(shape), dtype, 0, true);
  }

  /** @internal A view of a part of `memory` under another dtype. The caller vouches for its bounds. */
  static within<D extends DType>(
    memory: Tensor,
    dtype: D,
    shape: readonly number[],
    strides: readonly number[],
    byteOffset: number,
  ): Tensor<D> {
    return new Tensor(memory.#storage, shape, strides, dtype, memory.byteOffset + byteOffset, false);
  }

  /**
   * Wraps device memory that another library owns. Nothing is copied, and `dispose()` frees nothing: it calls
   * `release`. The caller vouches for the pointer; a wrong one faults on the device.
   */
  static fromPointer<D extends DType>(
    device: DeviceWithStreams,
    pointer: bigint,
    options: FromPointerOptions<D>,
  ): Tensor<D> {
    const context = checkDevice(device);
    const given = checkOptions(options, ["shape", "dtype", "strides", "byteLength", "owner", "release"]);
    if (typeof pointer !== "bigint" || pointer <= 0n || pointer >= 1n << 64n) {
      throw invalidArgument("pointer", "a device address (a bigint between 0 and 2^64)", pointer);
    }
    const dtype = checkDType(given.dtype, "dtype") as D;
    const shape = checkShape(given.shape);
    const strides =
      given.strides === undefined ? contiguousStrides(shape) : checkStrides(given.strides, shape);
    const byteLength = checkInteger(given.byteLength, "byteLength", 0);
    const { owner, release } = given;
    if (release !== undefined && typeof release !== "function") {
      throw invalidArgument("release", "a function", release);
    }
    const needed = spanBytes(shape, strides, dtype);
    if (needed > byteLength) {
      throw invalidArgument("byteLength", `at least ${needed} bytes for this shape and dtype`, byteLength);
    }
    if (pointer % BigInt(itemSize(dtype)) !== 0n) {
      throw invalidArgument("pointer", `an address that is a multiple of ${itemSize(dtype)}`, pointer);
    }
    const memory = {
      owner, // kept alive
      dispose() {
        if (release !== undefined) void releaseAfterWork(context, release as () => unknown);
      },
    };
    const storage = new Storage(context, pointer, byteLength, memory);
    return new Tensor(storage, shape, strides, dtype, 0, true);
  }

  /** The device address of the first element. Throws ERR_DISPOSED where the memory is gone. */
  get pointer(): bigint {
    this.check();
    return this.#pointer;
  }

  /** Whether its memory is gone: by its own `dispose()`, that of the tensor that it is a view of, or the device's `close()`. */
  override get disposed(): boolean {
    return super.disposed || this.#storage.disposed;
  }

  /** Whether the elements lie one after the other in the order of their indices. */
  get contiguous(): boolean {
    return isContiguous(this.shape, this.strides);
  }

  /**
   * The same memory under another shape. A view ends with the tensor that it was made from; disposing of the
   * view alone frees nothing.
   */
  view(options: ViewOptions): Tensor<D> {
    this.check();
    const given = checkOptions(options, ["shape", "strides", "byteOffset"]);
    if (options === undefined)
      throw invalidArgument("options", "an object with shape, strides or byteOffset", options);
    const shape = given.shape === undefined ? this.shape : checkShape(given.shape);
    let strides: readonly number[];
    if (given.strides !== undefined) strides = checkStrides(given.strides, shape);
    else if (given.shape === undefined) strides = this.strides;
    else if (this.contiguous) strides = contiguousStrides(shape);
    else throw invalidArgument("strides", "strides, because the tensor is not contiguous", undefined);
    const byteOffset = given.byteOffset === undefined ? 0 : checkInteger(given.byteOffset, "byteOffset", 0);
    if (byteOffset % itemSize(this.dtype) !== 0) {
      throw invalidArgument("byteOffset", `a multiple of ${itemSize(this.dtype)}`, byteOffset);
    }
    const end = byteOffset + spanBytes(shape, strides, this.dtype);
    if (end > this.byteLength) {
      throw invalidArgument(
        "view",
        `a view within the tensor's ${this.byteLength} bytes`,
        `one that ends at ${end}`,
      );
    }
    return new Tensor(this.#storage, shape, strides, this.dtype, this.byteOffset + byteOffset, false);
  }

  /**
   * The elements in the order of their indices: Float32Array, Uint16Array (float16 and bfloat16 as bits),
   * Uint8Array (fp8 as bits, uint8), Int8Array, Int32Array or BigInt64Array. What is enqueued on `stream` before
   * the call is seen. A read of more than 4 MiB goes in pieces; until it settles the tensor cannot be used in new work.
   */
  async read(options?: { stream?: Stream }): Promise<TypedArray<D>> {
    this.check();
    const stream = this.device.streamOf(checkOptions(options, ["stream"]).stream);
    const bytes = await readPieces(stream, this.#storage, this.#pointer, this.byteLength);
    const array = typedArray(this.dtype, bytes);
    return this.contiguous ? array : gather(array, this.shape, this.strides);
  }

  /** {@link read}, converted to numbers. For float32, float16, bfloat16 and the two fp8 dtypes. */
  async readFloat32(options?: { stream?: Stream }): Promise<Float32Array> {
    if (!this.dtype.includes("float")) {
      throw new RocmAttentionError(
        "ERR_INVALID_ARGUMENT",
        `expected a tensor of a float dtype for readFloat32, received ${this.dtype}: use read()`,
        { argument: "dtype" },
      );
    }
    return toFloat32(this.dtype, await this.read(options));
  }

  /**
   * Overwrites all elements with `data`, their bytes in the order of their indices; the numbers of a Float32Array are
   * rounded to the tensor's float dtype (ties to even; fp8 saturates). `data` must stay unchanged until the Promise settles. Up to 4 MiB the write takes its place in the stream's order at the call; a longer
   * one goes in pieces, and until it settles the tensor cannot be used in new work. Contiguous tensors only.
   */
  async write(data: HostBytes, options?: { stream?: Stream }): Promise<void> {
    this.check();
    const stream = this.device.streamOf(checkOptions(options, ["stream"]).stream);
    const source = elementSource(this.dtype, data);
    if (!this.contiguous) throw invalidArgument("tensor", "a contiguous tensor", "one with gaps");
    if (source.byteLength !== this.byteLength) {
      throw invalidArgument("data", `${this.byteLength} bytes`, `${source.byteLength}`);
    }
    await writePieces(stream, this.#storage, this.#pointer, source);
  }

  /**
   * Within a score or mask function of FLEX_ATTENTION: the element at traced indices, as many as the tensor has dimensions;
   * 0 where one is out of range. float32, float16 and bfloat16 give a float32, int32 and uint8 an int32. ERR_FLEX_TRACE,
   * where the tensor is not contiguous or of another dtype too.
   */
  at(...indices: readonly FlexOperand[]): FlexValue {
    return readTensor(this, indices);
  }

  /** The tensor as `JSON.stringify` writes it: no elements. */
  toJSON(): object {
    const { shape, strides, dtype, device } = this;
    return { shape, strides, dtype, device };
  }

  /** @internal The tensor as `console.log` prints it: no elements. */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    const { shape, dtype, device, contiguous } = this;
    const strides = contiguous ? {} : { strides: this.strides };
    const ended = this.disposed ? { disposed: true } : {};
    const { name, ordinal } = device.info;
    return `Tensor ${inspect({ shape, ...strides, dtype, device: `${name} (${ordinal})`, ...ended }, options)}`;
  }

  /** @internal Throws unless it may be used now. */
  override check(): void {
    super.check();
    this.#storage.check();
  }
}

/** Tells the owner of wrapped memory that this package's work no longer uses it. */
async function releaseAfterWork(device: DeviceWithStreams, release: () => unknown): Promise<void> {
  try {
    await device.native.fence();
  } catch {
    // On a lost device no work is left that could use the memory.
  }
  try {
    await release();
  } catch (error) {
    process.emitWarning(`release() of a tensor threw ${describe(error)}`, "RocmAttentionWarning");
  }
}
