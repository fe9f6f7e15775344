import type { LayoutName } from "../../lib/kv-cache/layouts.js";

// Where the elements of a KV cache lie, written from the layouts' definitions alone, so that it shares no mistake with lib.

export interface CacheSizes {
  readonly numBlocks: number;
  readonly blockSize: number;
  readonly numKvHeads: number;
  readonly headSize: number;
  /** Bytes of an element as stored. */
  readonly itemBytes: number;
  /** Whether there is a float32 scale for each token and head, of keys and of values. Default: there is none. */
  readonly scales?: boolean;
}

/** One element of a layer's cache; half 0: keys (or the latent), 1: values. */
export interface Place {
  readonly half: 0 | 1;
  readonly block: number;
  readonly slot: number;
  readonly head: number;
  readonly element: number;
}

/** The byte offset of an element in the memory of a layer. */
export function offsetOf(
  layout: LayoutName,
  { numBlocks: B, blockSize: S, numKvHeads: H, headSize: D, itemBytes }: CacheSizes,
  { half, block, slot, head, element }: Place,
): number {
  const x = 16 / itemBytes;
  // Values begin behind all keys, at a multiple of 64 bytes.
  const region = half * Math.ceil((B * S * H * D * itemBytes) / 64) * 64;
  const keyInGroups =
    (((block * H + head) * (D / x) + Math.floor(element / x)) * S + slot) * x + (element % x);
  switch (layout) {
    case "paired":
      return ((((block * 2 + half) * S + slot) * H + head) * D + element) * itemBytes;
    case "halves":
      return region + (((block * S + slot) * H + head) * D + element) * itemBytes;
    case "split":
      if (half === 0) return keyInGroups * itemBytes;
      return region + (((block * H + head) * D + element) * S + slot) * itemBytes;
    case "shuffled":
      if (half === 0) return keyInGroups * itemBytes;
      return (
        region +
        ((((block * H + head) * (S / x) + Math.floor(slot / x)) * D + element) * x + (slot % x)) * itemBytes
      );
    case "latent":
      return ((block * S + slot) * D + element) * itemBytes;
  }
}

const aligned = (bytes: number) => Math.ceil(bytes / 64) * 64;

/** Bytes of a layer. */
export function layerBytes(layout: LayoutName, sizes: CacheSizes): number {
  const { numBlocks, blockSize, numKvHeads, headSize, itemBytes, scales = false } = sizes;
  const part = numBlocks * blockSize * numKvHeads * headSize * itemBytes;
  if (layout === "latent") return aligned(part);
  if (layout === "paired" && !scales) return aligned(2 * part);
  return 2 * aligned(part) + (scales ? 2 * aligned(scaleBytes(sizes)) : 0);
}

function scaleBytes({ numBlocks, blockSize, numKvHeads }: CacheSizes): number {
  return 4 * numBlocks * numKvHeads * blockSize;
}

/** The byte offset of a token's scale in the memory of a layer: behind all keys and values, [blocks, heads, slots]. */
export function scaleOffset(sizes: CacheSizes, { half, block, slot, head }: Omit<Place, "element">): number {
  const { numBlocks, blockSize, numKvHeads, headSize, itemBytes } = sizes;
  const elements = 2 * aligned(numBlocks * blockSize * numKvHeads * headSize * itemBytes);
  const index = (block * numKvHeads + head) * blockSize + slot;
  return elements + half * aligned(scaleBytes(sizes)) + 4 * index;
}

/** The element's place in its part's shape of one block, as the layout's definition names the dimensions. */
export function indexInPart(
  layout: LayoutName,
  { half, slot, head, element }: Place,
  itemBytes: number,
): number[] {
  const x = 16 / itemBytes;
  switch (layout) {
    case "paired":
    case "halves":
      return [slot, head, element];
    case "latent":
      return [slot, element];
    default:
      if (half === 0) return [head, Math.floor(element / x), slot, element % x];
      return layout === "split" ? [head, element, slot] : [head, Math.floor(slot / x), element, slot % x];
  }
}
