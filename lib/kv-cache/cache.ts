import { checkInteger, checkOptions } from "../arguments.js";
import type { Device } from "../device/device.js";
import { contiguousStrides } from "../device/layout.js";
import type { Stream } from "../device/stream.js";
import { Tensor } from "../device/tensor.js";
import { itemSize } from "../dtype.js";
import { invalidArgument } from "../errors.js";
import type { BlockCopy } from "./block-copies.js";
import { BlockStore } from "./block-store.js";
import { HostKvCache } from "./host-cache.js";
import { KvCacheLayer } from "./layer.js";
import type { CacheLayout } from "./layouts.js";

/** The paged KV cache of a model: one layer's like the other's, in one allocation. */
export class KvCache extends BlockStore {
  readonly #memory: Tensor;
  readonly #layers = new Map<number, KvCacheLayer>();

  /**
   * Allocates `layers` x `numBlocks` blocks. Their contents are not set, or, where the layout says so, cleared on the default
   * stream. Blocks. ERR_OUT_OF_MEMORY.
   */
  constructor(device: Device, layout: CacheLayout, numBlocks: number, layers: number) {
    super(device, layout, numBlocks, layers);
    const allocate = layout.cleared ? device.zeros : device.empty;
    this.#memory = allocate.call(device, [this.layerBytes * layers], "uint8", { category: "kvCache" });
  }

  override get pointer(): bigint {
    return this.#memory.pointer;
  }

  /** Whether `dispose()` has been called, or the device was closed: it cannot be used any more. */
  override get disposed(): boolean {
    return this.#memory.disposed;
  }

  /** @internal One layer's memory, [bytes]. */
  memory(layer: number): Tensor {
    return Tensor.within(this.#memory, "uint8", [this.layerBytes], [1], layer * this.layerBytes);
  }

  /** The cache of one layer, 0 to layers - 1. */
  layer(index: number): KvCacheLayer {
    const known = this.#layers.get(index);
    if (known !== undefined) return known;
    checkInteger(index, "layer", 0, this.layers - 1);
    const parts = this.regions.map(({ part, byteOffset, blockBytes }) => {
      const strides = [blockBytes / itemSize(part.dtype), ...contiguousStrides(part.shape)];
      const shape = [this.numBlocks, ...part.shape];
      const offset = index * this.layerBytes + byteOffset;
      return Tensor.within(this.#memory, part.dtype, shape, strides, offset);
    });
    const layer = new KvCacheLayer(this.layout, parts, this.layout.cleared);
    this.#layers.set(index, layer);
    return layer;
  }

  /** {@link swapBlocks} within this cache: what `pool.takeCopies()` asks for. */
  copyBlocks(copies: readonly BlockCopy[], options?: { stream?: Stream }): void {
    this.swapBlocks(copies, this, options);
  }

  /**
   * Allocates `numBlocks` blocks of the same layers and layout in pinned memory of the host, for sequences that are put aside.
   * Blocks, for long where it is many gigabytes. ERR_OUT_OF_MEMORY.
   */
  createHostCache(options: { numBlocks: number }): HostKvCache {
    void this.pointer;
    if (options === undefined) throw invalidArgument("options", "an object with numBlocks", options);
    const { numBlocks } = checkOptions(options, ["numBlocks"]);
    return new HostKvCache(this.device, this.layout, numBlocks as number, this.layers);
  }

  override dispose(): void {
    this.#memory.dispose();
  }
}
