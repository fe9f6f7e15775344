import { RocmAttentionError } from "../errors.js";
import type { NativeMemory } from "../native.js";
import type { Device } from "./device.js";

/** What device memory is for; `device.memory().byCategory` counts by these. */
export const MEMORY_CATEGORIES = ["tensor", "kvCache", "workspace", "batch"] as const;
export type MemoryCategory = (typeof MEMORY_CATEGORIES)[number];

/** Bytes, as `device.memory()` reports them. */
export interface MemoryReport {
  /** Device memory of living tensors that this package allocated. */
  allocated: number;
  /** What the package holds of the device: `allocated`, and what was disposed of and waits for its last use. */
  reserved: number;
  /** The highest `allocated` since the device was opened. */
  peak: number;
  /** Pinned host memory through which uploads and reads pass. */
  staging: number;
  /** What the device has left, for all processes. */
  free: number;
  /** What the device has. */
  total: number;
  /** `allocated`, divided by purpose. */
  byCategory: Record<MemoryCategory, number>;
}

/**
 * A range of device memory that tensors look into. It belongs to this package (`native`) or to someone else
 * (`release` tells them that it is no longer used here).
 */
export class Storage {
  #disposed = false;
  #transfers = 0;

  constructor(
    readonly device: Device,
    readonly pointer: bigint,
    readonly byteLength: number,
    private readonly native: NativeMemory | null,
    private readonly release: (() => void) | null,
  ) {}

  get disposed(): boolean {
    return this.#disposed || this.device.closed;
  }

  /** Throws unless work that uses this memory may be enqueued now. */
  check(): void {
    if (this.#disposed) {
      throw new RocmAttentionError("ERR_DISPOSED", "the tensor was used after its dispose()");
    }
    if (this.device.closed) {
      throw new RocmAttentionError("ERR_DISPOSED", "the tensor was used after its device was closed");
    }
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

  /** Ends the memory's use here; it is freed, or its owner told, after the work that is enqueued now. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.native?.dispose();
    if (this.release !== null) {
      // On a lost device no work is left that could use the memory.
      this.device.native.fence().then(this.release, this.release);
    }
  }
}
