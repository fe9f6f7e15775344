import type { Device } from "../device/device.js";
import { enqueueCopy } from "../device/enqueue.js";
import type { Stream } from "../device/stream.js";
import { Tensor } from "../device/tensor.js";
import { type DType, itemSize } from "../dtype.js";
import { invalidArgument } from "../errors.js";

/** What all layers of a cache have in common. */
export interface CacheLayout {
  /** Tokens of a block. */
  readonly blockSize: number;
  readonly numKvHeads: number;
  readonly headSize: number;
  readonly dtype: DType;
}

/** One block to copy onto another, in every layer: what copy-on-write asks for. */
export interface BlockCopy {
  readonly from: number;
  readonly to: number;
}

/** Bytes of one block of one layer: keys and values. */
export function bytesPerBlock({ blockSize, numKvHeads, headSize, dtype }: CacheLayout): number {
  return 2 * blockSize * numKvHeads * headSize * itemSize(dtype);
}

/**
 * One layer's paged keys and values, [numBlocks, 2, blockSize, numKvHeads, headSize]: a block holds the keys of its tokens,
 * then their values (vLLM's layout for Triton). Block 0 is a block like any other.
 */
export class KvCacheLayer {
  readonly numBlocks: number;
  /** Elements from a block to the next, from a token to the next, from a head to the next. */
  readonly strides: { readonly block: number; readonly slot: number; readonly head: number };

  /** @internal */
  constructor(
    readonly tensor: Tensor,
    readonly layout: CacheLayout,
  ) {
    this.numBlocks = tensor.shape[0]!;
    this.strides = { block: tensor.strides[0]!, slot: tensor.strides[2]!, head: tensor.strides[3]! };
  }

  /** The address of the first key, and of the first value. */
  get keyPointer(): bigint {
    return this.tensor.pointer;
  }
  get valuePointer(): bigint {
    return this.tensor.pointer + BigInt(this.tensor.strides[1]! * itemSize(this.layout.dtype));
  }
}

/** Wraps a tensor [numBlocks, 2, blockSize, numKvHeads, headSize] that something else has allocated. */
export function wrapLayer(tensor: Tensor, layout: CacheLayout): KvCacheLayer {
  if (!(tensor instanceof Tensor)) throw invalidArgument("tensor", "a Tensor", tensor);
  const { blockSize, numKvHeads, headSize, dtype } = layout;
  const [numBlocks, ...inner] = tensor.shape;
  const wanted = [2, blockSize, numKvHeads, headSize];
  if (numBlocks === undefined || inner.length !== 4 || inner.some((size, i) => size !== wanted[i])) {
    throw invalidArgument("tensor", `shape [numBlocks, ${wanted.join(", ")}]`, tensor.shape);
  }
  if (tensor.dtype !== dtype) throw invalidArgument("tensor", `dtype ${dtype}`, tensor.dtype);
  const alignment = 16 / itemSize(dtype);
  // Kernels reach the tokens of a block by 32-bit offsets from its first.
  const limits = [2 ** 31, 2 ** 31, 2 ** 20, 2 ** 20, 2];
  const fits = (stride: number, axis: number) => stride % alignment === 0 && stride < limits[axis]!;
  if (tensor.strides[4] !== 1 || !tensor.strides.slice(0, 4).every(fits)) {
    throw invalidArgument(
      "tensor",
      `a dense last dimension and other strides that are multiples of ${alignment}, within a block below 2^20 (elements)`,
      tensor.strides,
    );
  }
  if (tensor.pointer % 16n !== 0n)
    throw invalidArgument("tensor", "memory aligned to 16 bytes", tensor.pointer);
  return new KvCacheLayer(tensor, layout);
}

/** The paged KV cache of a model: one layer's like the other's, in one allocation. */
export class KvCache {
  readonly numBlocks: number;
  readonly layout: CacheLayout;
  readonly #memory: Tensor;
  readonly #layers: readonly KvCacheLayer[];

  /**
   * Allocates `layers` x `numBlocks` blocks. Their contents are not set: what a slot holds before a token is written to it
   * never influences a result. Blocks. ERR_OUT_OF_MEMORY.
   */
  constructor(device: Device, layout: CacheLayout, numBlocks: number, layers: number) {
    for (const [name, value] of Object.entries({ numBlocks, layers })) {
      if (!Number.isSafeInteger(value) || value < 1 || value >= 2 ** 31) {
        throw invalidArgument(name, "an integer between 1 and 2^31 - 1", value);
      }
    }
    this.layout = layout;
    this.numBlocks = numBlocks;
    const { blockSize, numKvHeads, headSize, dtype } = layout;
    const shape = [numBlocks, 2, blockSize, numKvHeads, headSize];
    this.#memory = device.empty([layers, ...shape], dtype, { category: "kvCache" });
    const layerBytes = numBlocks * bytesPerBlock(layout);
    this.#layers = Array.from({ length: layers }, (_, layer) => {
      const tensor = this.#memory.view({ shape, byteOffset: layer * layerBytes });
      return new KvCacheLayer(tensor, layout);
    });
  }

  get layers(): number {
    return this.#layers.length;
  }

  get disposed(): boolean {
    return this.#memory.disposed;
  }

  /** The cache of one layer, 0 to layers - 1. */
  layer(index: number): KvCacheLayer {
    const layer = this.#layers[index];
    if (layer === undefined)
      throw invalidArgument("layer", `an integer between 0 and ${this.layers - 1}`, index);
    return layer;
  }

  /** Enqueues copies of whole blocks in every layer, in the order given. */
  copyBlocks(copies: readonly BlockCopy[], { stream }: { stream?: Stream } = {}): void {
    const target = this.#memory.device.streamOf(stream);
    for (const block of copies.flatMap(({ from, to }) => [from, to])) {
      if (!Number.isInteger(block) || block < 0 || block >= this.numBlocks) {
        throw invalidArgument("copies", `block ids between 0 and ${this.numBlocks - 1}`, block);
      }
    }
    const bytes = bytesPerBlock(this.layout);
    for (const { tensor } of this.#layers) {
      const address = (block: number) => tensor.pointer + BigInt(block) * BigInt(bytes);
      for (const { from, to } of copies) enqueueCopy(target, address(to), address(from), bytes);
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
