import { type DType, itemSize } from "../dtype.js";

/**
 * The layouts of this package; x = 16 bytes / element, shapes are of one layer.
 * - paired: [blocks, 2, slots, heads, size]; a block has its keys, then its values (vLLM for Triton).
 * - halves: [2, blocks, slots, heads, size]; all keys, then all values (vLLM for flash attention).
 * - split: keys [blocks, heads, size / x, slots, x], values [blocks, heads, size, slots] (vLLM's paged attention).
 * - shuffled: keys as in split, values [blocks, heads, slots / x, size, x] (AITER's assembly).
 * - latent: [blocks, slots, size]; one latent a token is key and value (MLA).
 */
export const LAYOUT_NAMES = ["paired", "halves", "split", "shuffled", "latent"] as const;
/**
 * A cache layout of this package; docs/backends.md says which backend has which. x = 16 bytes / element:
 * - "paired": [blocks, 2, slots, heads, size]; a block has its keys, then its values.
 * - "halves": [2, blocks, slots, heads, size]; all keys, then all values.
 * - "split": keys [blocks, heads, size / x, slots, x], values [blocks, heads, size, slots].
 * - "shuffled": keys as in split, values [blocks, heads, slots / x, size, x].
 * - "latent": [blocks, slots, size]; one latent a token is key and value.
 */
export type LayoutName = (typeof LAYOUT_NAMES)[number];

/** The parts that a cache can have. Scales: float32, one for each slot and head. */
export const PART_NAMES = ["key", "value", "latent", "keyScale", "valueScale"] as const;
/** A part of a cache. Scales are float32 [heads, slots] of a block, one for each token and head. */
export type PartName = (typeof PART_NAMES)[number];

/** One part of every block of a cache. */
export interface CachePart {
  /** The part's name within its layout. */
  readonly name: PartName;
  /** The dtype in which it is stored. */
  readonly dtype: DType;
  /** Of one block; a layer's part is [blocks, ...shape]. */
  readonly shape: readonly number[];
  /** Of one block. */
  readonly bytes: number;
}

/** How a KV cache lies in memory; a backend names it. A backend of a program's own may bring one of its own. */
export interface CacheLayout {
  /** The layout's name: a {@link LayoutName}, or one of the program's own. */
  readonly name: string;
  /** Tokens of a block. */
  readonly blockSize: number;
  /** Of the keys and values as they are stored. */
  readonly dtype: DType;
  /** The parts of a block, in the order in which they lie. */
  readonly parts: readonly CachePart[];
  /** Whether a block's parts lie side by side; otherwise each part has a region of its own for all blocks. */
  readonly interleaved: boolean;
  /** Whether kernels take the strides within a block; otherwise a block's inside is dense. */
  readonly strided: boolean;
  /** Whether a cache begins as zeros, for kernels that multiply the values of unused slots by 0. */
  readonly cleared: boolean;
  /** Of one block of one layer, all parts. */
  readonly bytesPerBlock: number;
}

/** The sizes that a layout is made for. */
export interface LayoutSizes {
  readonly blockSize: number;
  readonly numKvHeads: number;
  /** Elements of a head; of a latent with its rotary part. */
  readonly headSize: number;
  /** As stored. */
  readonly dtype: DType;
  /** Whether every token and head has scales of its own. */
  readonly scales: boolean;
}

type Shapes = Partial<Record<PartName, readonly number[]>>;

const SHAPES: Readonly<Record<LayoutName, (sizes: LayoutSizes) => Shapes>> = {
  paired: tokenMajor,
  halves: tokenMajor,
  split: ({ numKvHeads, headSize, blockSize, ...sizes }) => ({
    key: keyGroups({ numKvHeads, headSize, blockSize, ...sizes }),
    value: [numKvHeads, headSize, blockSize],
  }),
  shuffled: (sizes) => {
    const x = groupSize(sizes.dtype);
    return { key: keyGroups(sizes), value: [sizes.numKvHeads, sizes.blockSize / x, sizes.headSize, x] };
  },
  latent: ({ blockSize, headSize }) => ({ latent: [blockSize, headSize] }),
};

function tokenMajor({ blockSize, numKvHeads, headSize }: LayoutSizes): Shapes {
  const shape = [blockSize, numKvHeads, headSize];
  return { key: shape, value: shape };
}

function keyGroups({ numKvHeads, headSize, blockSize, dtype }: LayoutSizes): readonly number[] {
  const x = groupSize(dtype);
  return [numKvHeads, headSize / x, blockSize, x];
}

/** Elements of 16 bytes, which a lane loads at once. */
function groupSize(dtype: DType): number {
  return 16 / itemSize(dtype);
}

export function isLayoutName(name: string): name is LayoutName {
  return (LAYOUT_NAMES as readonly string[]).includes(name);
}

/** A layout of this package for these sizes; null where a dimension does not divide into groups of 16 bytes. */
export function makeLayout(name: LayoutName, sizes: LayoutSizes): CacheLayout | null {
  const { blockSize, numKvHeads, dtype, scales } = sizes;
  const shapes = SHAPES[name](sizes);
  const parts = Object.entries(shapes).map(([part, shape]) => makePart(part as PartName, dtype, shape));
  if (parts.some(({ shape }) => !shape.every(Number.isInteger))) return null;
  if (scales) {
    for (const { name } of [...parts]) {
      parts.push(makePart(name === "value" ? "valueScale" : "keyScale", "float32", [numKvHeads, blockSize]));
    }
  }
  return Object.freeze({
    name,
    blockSize,
    dtype,
    parts: Object.freeze(parts),
    interleaved: name === "paired" && !scales,
    strided: name === "paired" || name === "halves",
    cleared: name === "shuffled",
    bytesPerBlock: parts.reduce((sum, { bytes }) => sum + bytes, 0),
  });
}

/** The heads of a layout of this package for keys and values; null for any other. */
export function headsOf({ name, parts }: CacheLayout): { numKvHeads: number; headSize: number } | null {
  const [first = 0, second = 0, third = 0, fourth = 0] = parts[0]!.shape;
  if (name === "paired" || name === "halves") return { numKvHeads: second, headSize: third };
  if (name === "split" || name === "shuffled") return { numKvHeads: first, headSize: second * fourth };
  return null;
}

function makePart(name: PartName, dtype: DType, shape: readonly number[]): CachePart {
  const bytes = shape.reduce((product, size) => product * size, itemSize(dtype));
  return Object.freeze({ name, dtype, shape: Object.freeze(shape), bytes });
}

/** A layout's parts in words, for documents: "key [blocks, heads, size / x, slots, x]". */
export const LAYOUT_SHAPES: Readonly<Record<LayoutName, string>> = {
  paired: "[numBlocks, 2, blockSize, numKvHeads, headSize]",
  halves: "[2, numBlocks, blockSize, numKvHeads, headSize]",
  split:
    "key [numBlocks, numKvHeads, headSize / x, blockSize, x], value [numBlocks, numKvHeads, headSize, blockSize]; x = 16 bytes / element",
  shuffled:
    "key [numBlocks, numKvHeads, headSize / x, blockSize, x], value [numBlocks, numKvHeads, blockSize / x, headSize, x]; x = 16 bytes / element",
  latent: "[numBlocks, blockSize, 576]",
};
