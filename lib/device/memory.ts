import { RocmAttentionError } from "../errors.js";
import { type DeviceContext, DeviceObject } from "./context.js";

/** Purposes of device memory; `device.memory().byCategory` counts by these. */
export const MEMORY_CATEGORIES = ["tensor", "kvCache", "workspace", "batch"] as const;
/** A purpose of device memory. */
export type MemoryCategory = (typeof MEMORY_CATEGORIES)[number];

/** Bytes, as `device.memory()` reports them. */
export interface MemoryReport {
  /** Device memory of living tensors that this package allocated. */
  allocated: number;
  /** Bytes that the package holds of the device: `allocated`, and memory that was disposed of and waits for its last use. */
  reserved: number;
  /** The highest `allocated` since the device was opened. */
  peak: number;
  /** Pinned host memory through which uploads and reads pass. */
  staging: number;
  /** Pinned host memory of host caches. */
  host: number;
  /** Bytes that the device has left, for all processes. */
  free: number;
  /** Bytes that the device has. */
  total: number;
  /** `allocated`, divided by purpose. */
  byCategory: Record<MemoryCategory, number>;
}

/** The memory of a tensor without elements, and of a view, which has none of its own. */
export const NOTHING = { dispose() {} };

/**
 * A range of device memory that tensors look into: this package's own or another library's. `memory.dispose()`
 * frees it, or tells its owner, after the work that is enqueued then.
 */
export class Storage<Owner extends DeviceContext = DeviceContext> extends DeviceObject<
  { dispose(): void },
  Owner
> {
  #transfers = 0;

  constructor(
    device: Owner,
    readonly pointer: bigint,
    readonly byteLength: number,
    memory: { dispose(): void },
  ) {
    super(device, memory, "tensor");
  }

  /** Throws unless work that uses this memory may be enqueued now. */
  override check(): void {
    super.check();
    if (this.#transfers > 0) {
      throw new RocmAttentionError(
        "ERR_INVALID_ARGUMENT",
        "the tensor was used while a long write() or read() of it was under way: await that Promise first " +
          "(what is longer than a staging piece enters the stream piece by piece)",
      );
    }
  }

  /** Marks a transfer that has not yet enqueued all its pieces. */
  beginTransfer(): void {
    this.#transfers++;
  }

  endTransfer(): void {
    this.#transfers--;
  }
}

/** Allocates pinned host memory, which kernels of the device may read and write. Blocks. ERR_OUT_OF_MEMORY. */
export function hostMemory<Owner extends DeviceContext>(device: Owner, bytes: number): Storage<Owner> {
  device.check();
  const memory = device.native.allocateHost(bytes);
  return new Storage(device, memory.pointer, bytes, memory);
}
