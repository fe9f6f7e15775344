import { hostMemory, type Storage } from "../device/memory.js";
import type { DeviceWithStreams } from "../device/stream.js";
import { BlockStore } from "./block-store.js";
import type { CacheLayout } from "./layouts.js";

/**
 * Blocks in pinned memory of the host, for sequences that a server puts aside: `cache.swapBlocks(copies, hostCache)` brings
 * them here, `hostCache.swapBlocks(copies, cache)` back. Made by `cache.createHostCache`.
 */
export class HostKvCache extends BlockStore {
  readonly #memory: Storage<DeviceWithStreams>;

  /** @internal Allocates; blocks. ERR_OUT_OF_MEMORY. */
  constructor(device: DeviceWithStreams, layout: CacheLayout, numBlocks: number, layers: number) {
    super(device, layout, numBlocks, layers);
    this.#memory = hostMemory(device, layers * this.layerBytes);
  }

  override get pointer(): bigint {
    this.#memory.check();
    return this.#memory.pointer;
  }

  /** Whether `dispose()` has been called, or the device was closed: it cannot be used any more. */
  override get disposed(): boolean {
    return this.#memory.disposed;
  }

  override dispose(): void {
    this.#memory.dispose();
  }
}
