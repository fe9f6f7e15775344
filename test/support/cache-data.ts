import fc from "fast-check";
import { fp8Encoding } from "../../lib/catalog/targets.js";
import type { Device } from "../../lib/device/device.js";
import { type DType, fromBfloat16, fromFloat16, itemSize, toBfloat16, toFloat16 } from "../../lib/dtype.js";
import { fromFloat8, isFloat8, toFloat8 } from "../../lib/float8.js";
import { KvCache } from "../../lib/kv-cache/cache.js";
import { type KvCacheLayer, wrapLayer } from "../../lib/kv-cache/layer.js";
import { type LayoutName, makeLayout } from "../../lib/kv-cache/layouts.js";
import { type CacheSizes, offsetOf, type Place } from "./cache-images.js";

/** A cache's layout, and whether its heads come before its slots. */
export interface CacheKind {
  readonly layout: LayoutName;
  readonly headsFirst: boolean;
}

export const CACHE_KINDS: readonly CacheKind[] = [
  ...(["paired", "halves", "split", "shuffled"] as const).map((layout) => ({ layout, headsFirst: false })),
  { layout: "halves", headsFirst: true },
];

export const NUM_BLOCKS = 5;

/** The shape of a cache that kernels move heads into and out of. */
export interface CacheShape {
  readonly numKvHeads: number;
  readonly headSize: number;
  readonly blockSize: number;
  readonly dtype: "bfloat16" | "float16";
  readonly isFp8: boolean;
}

/** Shapes that a target has kernels for: 16-bit elements in all cases, fp8 where it has that. */
export function cacheShapes(device: Device) {
  const isWhole = device.info.arch === "gfx942";
  return fc.record({
    // 40 heads of 256 are more pieces than a workgroup has work-items.
    numKvHeads: fc.constantFrom(1, 3, 8, 40),
    headSize: fc.constantFrom(16, 80, 128, 256),
    blockSize: fc.constantFrom(16, 48),
    // The smoke sets have fp8 for bfloat16 alone.
    dtype: isWhole ? fc.constantFrom("bfloat16", "float16") : fc.constant("bfloat16"),
    isFp8: fp8Encoding(device.info.arch) === null ? fc.constant(false) : fc.boolean(),
  }) as fc.Arbitrary<CacheShape>;
}

/** A layer of memory of its own, and where its elements lie in it. */
export class CacheUnderTest {
  readonly layer: KvCacheLayer;
  readonly stored: DType;
  readonly #cache: KvCache;
  readonly #sizes: CacheSizes;

  constructor(
    device: Device,
    private readonly kind: CacheKind,
    shape: CacheShape,
  ) {
    const { numKvHeads, headSize, blockSize } = shape;
    this.stored = shape.isFp8 ? fp8Encoding(device.info.arch)! : shape.dtype;
    this.#sizes = { ...shape, numBlocks: NUM_BLOCKS, itemBytes: itemSize(this.stored) };
    const layout = makeLayout(kind.layout, { ...shape, dtype: this.stored, scales: false })!;
    this.#cache = new KvCache(device, layout, NUM_BLOCKS, 1);
    const layer = this.#cache.layer(0);
    const of = {
      shape: [NUM_BLOCKS, blockSize, numKvHeads, headSize],
      strides: [blockSize * numKvHeads * headSize, headSize, blockSize * headSize, 1],
    };
    this.layer = kind.headsFirst
      ? wrapLayer(
          { key: layer.part("key").tensor.view(of), value: layer.part("value").tensor.view(of) },
          layout,
        )
      : layer;
  }

  get bytes(): number {
    return this.#cache.memory(0).byteLength;
  }

  /** The byte offset of an element. */
  offsetOf(place: Place): number {
    const { blockSize, headSize, itemBytes } = this.#sizes;
    if (!this.kind.headsFirst) return offsetOf(this.kind.layout, this.#sizes, place);
    const { half, block, head, slot, element } = place;
    const first = offsetOf(this.kind.layout, this.#sizes, { half, block, slot: 0, head: 0, element: 0 });
    return first + ((head * blockSize + slot) * headSize + element) * itemBytes;
  }

  async write(image: Uint8Array): Promise<void> {
    await this.#cache.memory(0).write(image);
  }

  async read(): Promise<Uint8Array> {
    return (await this.#cache.memory(0).read()) as Uint8Array;
  }

  dispose(): void {
    this.#cache.dispose();
  }
}

/** The bits that a cache stores for an element of 16 bits. */
export function storedBits(
  stored: DType,
  dtype: "bfloat16" | "float16",
  bits: number,
  scale: number,
): number {
  if (!isFloat8(stored)) return bits;
  const value = dtype === "bfloat16" ? fromBfloat16(bits) : fromFloat16(bits);
  return toFloat8(stored, Math.fround(value / Math.fround(scale)));
}

/** The element of 16 bits that stored bits stand for. */
export function loadedBits(
  stored: DType,
  dtype: "bfloat16" | "float16",
  bits: number,
  scale: number,
): number {
  if (!isFloat8(stored)) return bits;
  const value = Math.fround(fromFloat8(stored, bits) * Math.fround(scale));
  return dtype === "bfloat16" ? toBfloat16(value) : toFloat16(value);
}
