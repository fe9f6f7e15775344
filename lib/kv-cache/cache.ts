import { checkInteger, checkOptions, isArray, PackageObject } from "../arguments.js";
import type { Device } from "../device/device.js";
import { enqueueCopy } from "../device/enqueue.js";
import { contiguousStrides } from "../device/layout.js";
import type { Stream } from "../device/stream.js";
import { Tensor } from "../device/tensor.js";
import { itemSize } from "../dtype.js";
import { invalidArgument, RocmAttentionError } from "../errors.js";
import { KvCacheLayer } from "./layer.js";
import type { CacheLayout, CachePart } from "./layouts.js";

/** One block to copy onto another, in every layer: copy-on-write asks for it. */
export interface BlockCopy {
  readonly from: number;
  readonly to: number;
}

/** Parts of a layer begin at multiples of this. */
const ALIGNMENT_BYTES = 64;

/** A part's place in the memory of a layer. */
interface Region {
  readonly part: CachePart;
  readonly byteOffset: number;
  /** From a block to the next. */
  readonly blockBytes: number;
}

/** The paged KV cache of a model: one layer's like the other's, in one allocation. */
export class KvCache extends PackageObject {
  readonly numBlocks: number;
  readonly layout: CacheLayout;
  readonly layers: number;
  readonly #memory: Tensor;
  readonly #regions: readonly Region[];
  readonly #layerBytes: number;
  readonly #layers = new Map<number, KvCacheLayer>();

  /**
   * Allocates `layers` x `numBlocks` blocks. Their contents are not set: what a slot holds before a token is written to it
   * never influences a result. Blocks. ERR_OUT_OF_MEMORY.
   */
  constructor(device: Device, layout: CacheLayout, numBlocks: number, layers: number) {
    super();
    this.layout = layout;
    this.numBlocks = checkInteger(numBlocks, "numBlocks", 1, 2 ** 31 - 1);
    this.layers = checkInteger(layers, "layers", 1, 2 ** 31 - 1);
    const { regions, bytes } = regionsOf(layout, numBlocks);
    if (!Number.isSafeInteger(bytes * layers)) {
      const message = `a cache of ${layers} x ${numBlocks} blocks has more bytes than can be counted`;
      throw new RocmAttentionError("ERR_OUT_OF_MEMORY", message, { argument: "numBlocks" });
    }
    this.#regions = regions;
    this.#layerBytes = bytes;
    this.#memory = device.empty([bytes * layers], "uint8", { category: "kvCache" });
  }

  get disposed(): boolean {
    return this.#memory.disposed;
  }

  /** @internal One layer's memory, [bytes]. */
  memory(layer: number): Tensor {
    return Tensor.within(this.#memory, "uint8", [this.#layerBytes], [1], layer * this.#layerBytes);
  }

  /** The cache of one layer, 0 to layers - 1. */
  layer(index: number): KvCacheLayer {
    const known = this.#layers.get(index);
    if (known !== undefined) return known;
    checkInteger(index, "layer", 0, this.layers - 1);
    const parts = this.#regions.map(({ part, byteOffset, blockBytes }) => {
      const strides = [blockBytes / itemSize(part.dtype), ...contiguousStrides(part.shape)];
      const shape = [this.numBlocks, ...part.shape];
      const offset = index * this.#layerBytes + byteOffset;
      return Tensor.within(this.#memory, part.dtype, shape, strides, offset);
    });
    const layer = new KvCacheLayer(this.layout, parts);
    this.#layers.set(index, layer);
    return layer;
  }

  /** Enqueues copies of whole blocks in every layer, in the order given. */
  copyBlocks(copies: readonly BlockCopy[], options: { stream?: Stream } = {}): void {
    const given = checkOptions(options, ["stream"]);
    const stream = this.#memory.device.streamOf(given.stream as Stream | undefined);
    if (!isArray(copies)) throw invalidArgument("copies", "an array of { from, to }", copies);
    for (let index = 0; index < copies.length; index++) {
      const at = `copies[${index}]`;
      if (copies[index] === undefined) throw invalidArgument(at, "an object with from, to", undefined);
      const { from, to } = checkOptions(copies[index], ["from", "to"], at);
      checkInteger(from, `${at}.from`, 0, this.numBlocks - 1);
      checkInteger(to, `${at}.to`, 0, this.numBlocks - 1);
    }
    const base = this.#memory.pointer;
    for (let layer = 0; layer < this.layers; layer++) {
      for (const { from, to } of copies) {
        if (from !== to) this.#copyBlock(stream, base + BigInt(layer * this.#layerBytes), from, to);
      }
    }
  }

  #copyBlock(stream: Stream, layer: bigint, from: number, to: number): void {
    const address = ({ byteOffset, blockBytes }: Region, block: number) =>
      layer + BigInt(byteOffset) + BigInt(block) * BigInt(blockBytes);
    if (this.layout.interleaved) {
      const [first] = this.#regions as [Region];
      enqueueCopy(stream, address(first, to), address(first, from), this.layout.bytesPerBlock);
      return;
    }
    for (const region of this.#regions) {
      enqueueCopy(stream, address(region, to), address(region, from), region.part.bytes);
    }
  }

  /** Frees the memory after its last use; returns at once. Idempotent. */
  dispose(): void {
    this.#memory.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** The most blocks with which a cache of `layers` layers takes at most `bytes`. */
export function blocksIn(bytes: number, layout: CacheLayout, layers: number): number {
  let blocks = Math.floor(bytes / (layers * layout.bytesPerBlock));
  // Parts begin at aligned addresses, which may cost the last block its room.
  while (blocks > 0 && layers * regionsOf(layout, blocks).bytes > bytes) blocks--;
  return Math.min(blocks, 2 ** 31 - 1);
}

/** Where the parts of a layer lie: those of a block side by side, or each part's blocks in a region of their own. */
function regionsOf(layout: CacheLayout, numBlocks: number): { regions: Region[]; bytes: number } {
  let end = 0;
  const regions = layout.parts.map((part): Region => {
    const byteOffset = end;
    const blockBytes = layout.interleaved ? layout.bytesPerBlock : part.bytes;
    end += layout.interleaved ? part.bytes : align(numBlocks * part.bytes);
    return { part, byteOffset, blockBytes };
  });
  return { regions, bytes: align(layout.interleaved ? numBlocks * layout.bytesPerBlock : end) };
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
}
