import fc from "fast-check";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { itemSize } from "../../../lib/dtype.js";
import { createAttention, type KvCacheLayer, registerBackend } from "../../../lib/index.js";
import { KvCache } from "../../../lib/kv-cache/cache.js";
import {
  type CacheLayout,
  LAYOUT_NAMES,
  type LayoutName,
  makeLayout,
} from "../../../lib/kv-cache/layouts.js";
import { indexInPart, offsetOf, type Place } from "../../support/cache-images.js";
import { openTestDevice } from "../../support/device.js";

const device = openTestDevice();
afterAll(() => device.close());

const undo: (() => void)[] = [];
afterEach(() => {
  for (const back of undo.splice(0)) back();
});

/** Sizes that every layout takes; latents have one head. */
const sizes = (name: LayoutName) =>
  fc.record({
    numBlocks: fc.integer({ min: 1, max: 7 }),
    blockSize: fc.constantFrom(16, 32, 48),
    numKvHeads: name === "latent" ? fc.constant(1) : fc.integer({ min: 1, max: 3 }),
    headSize: fc.constantFrom(32, 80, 192),
    dtype: fc.constantFrom("bfloat16", "float32", "float8_e4m3fnuz"),
    scales: fc.constant(false),
  });

const place = (
  name: LayoutName,
  of: { numBlocks: number; blockSize: number; numKvHeads: number; headSize: number },
) =>
  fc.record({
    half: name === "latent" ? fc.constant(0 as const) : fc.constantFrom(0 as const, 1 as const),
    block: fc.nat(of.numBlocks - 1),
    slot: fc.nat(of.blockSize - 1),
    head: fc.nat(of.numKvHeads - 1),
    element: fc.nat(of.headSize - 1),
  });

function partOf(layer: KvCacheLayer, name: LayoutName, { half }: Place) {
  return layer.part(name === "latent" ? "latent" : half === 0 ? "key" : "value");
}

/** The address of an element by what the layer says of its part. */
function addressOf(layer: KvCacheLayer, name: LayoutName, place: Place, itemBytes: number): bigint {
  const { pointer, strides, blockStride } = partOf(layer, name, place);
  const inBlock = indexInPart(name, place, itemBytes).reduce(
    (sum, index, axis) => sum + index * strides[axis]!,
    0,
  );
  return pointer + BigInt((place.block * blockStride + inBlock) * itemBytes);
}

describe.each(LAYOUT_NAMES)("a cache of layout %s", (name) => {
  it("has every element where the layout's definition says", () => {
    fc.assert(
      fc.property(
        sizes(name).chain((drawn) =>
          fc.tuple(fc.constant(drawn), fc.array(place(name, drawn), { minLength: 20 })),
        ),
        ([drawn, places]) => {
          const layout = makeLayout(name, drawn)!;
          using cache = new KvCache(device, layout, drawn.numBlocks, 3);
          const itemBytes = itemSize(drawn.dtype);
          const elements = drawn.blockSize * drawn.numKvHeads * drawn.headSize;
          expect(layout.bytesPerBlock).toBe((name === "latent" ? 1 : 2) * elements * itemBytes);
          for (const at of places) {
            const expected = cache.memory(2).pointer + BigInt(offsetOf(name, { ...drawn, itemBytes }, at));
            expect(addressOf(cache.layer(2), name, at, itemBytes)).toBe(expected);
          }
        },
      ),
      { numRuns: 20 },
    );
  });

  it("copies blocks, in every layer, in the order given, and nothing else", async () => {
    await fc.assert(
      fc.asyncProperty(
        sizes(name).chain((drawn) => {
          const block = fc.nat(drawn.numBlocks - 1);
          return fc.tuple(
            fc.constant(drawn),
            fc.array(fc.record({ from: block, to: block }), { maxLength: 6 }),
          );
        }),
        async ([drawn, copies]) => {
          using cache = new KvCache(device, makeLayout(name, drawn)!, drawn.numBlocks, 2);
          const itemBytes = itemSize(drawn.dtype);
          for (const layer of [0, 1]) {
            const memory = cache.memory(layer);
            await memory.write(
              new Uint8Array(memory.byteLength).map((_, i) => (i * 7 + layer + (i >> 8)) & 255),
            );
          }
          cache.copyBlocks(copies);
          const source = Array.from({ length: drawn.numBlocks }, (_, block) => block);
          for (const { from, to } of copies) source[to] = source[from]!;
          for (const layer of [0, 1]) {
            const found = (await cache.memory(layer).read()) as Uint8Array;
            for (let block = 0; block < drawn.numBlocks; block++) {
              for (let i = 0; i < 40; i++) {
                const at: Place = {
                  half: (name === "latent" ? 0 : i % 2) as 0 | 1,
                  block,
                  slot: (i * 5) % drawn.blockSize,
                  head: i % drawn.numKvHeads,
                  element: (i * 31) % drawn.headSize,
                };
                const offset = offsetOf(name, { ...drawn, itemBytes }, { ...at, block: source[block]! });
                const wanted = (offset * 7 + layer + (offset >> 8)) & 255;
                expect(found[offsetOf(name, { ...drawn, itemBytes }, at)]).toBe(wanted);
              }
            }
          }
        },
      ),
      { numRuns: 10 },
    );
  });

  it("wraps tensors of that shape, with gaps between blocks, and refuses others", () => {
    const summary = "A cache of that layout.";
    const targets = ["gfx"];
    undo.push(
      registerBackend(
        "LAYOUT",
        { kind: "standard", summary, targets, kvCacheLayouts: [name] },
        ({ layout }) => ({
          cacheLayout: layout!,
          prepare: () => ({ workspaceBytes: 0, derived: null }),
          plan: () => null,
          run() {},
          dispose() {},
        }),
      ),
    );
    const shape = { numHeads: 2, numKvHeads: name === "latent" ? 1 : 2, headSize: 64 };
    using attention = createAttention(device, { ...shape, dtype: "bfloat16", backend: "LAYOUT" });
    const { parts } = attention.kvCacheLayout;
    const tensors = (
      change: (part: CacheLayout["parts"][number]) => { shape?: number[]; strides?: number[] },
    ) =>
      Object.fromEntries(
        parts.map((part) => {
          const elements = part.bytes / 2;
          const dense = part.shape.map((_, axis) =>
            part.shape.slice(axis + 1).reduce((product, size) => product * size, 1),
          );
          const memory = device.empty([3 * (elements + 64)], "bfloat16");
          const of = { shape: [3, ...part.shape], strides: [elements + 64, ...dense], ...change(part) };
          return [part.name, memory.view(of)];
        }),
      );
    const layer = attention.wrapKvCache(tensors(() => ({})));
    expect(layer.numBlocks).toBe(3);
    for (const { name: part, bytes } of parts) expect(layer.part(part).blockStride).toBe(bytes / 2 + 64);
    for (const wrong of [
      tensors(({ shape }) => ({ shape: [3, ...shape.slice(0, -1), shape.at(-1)! / 2] })),
      tensors(({ shape }) => ({
        shape: [3, ...shape].slice(0, -1),
        strides: [1024, 1].concat(shape.slice(2).map(() => 1)),
      })),
    ]) {
      expect(() => attention.wrapKvCache(wrong)).toThrow(
        expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }),
      );
    }
  });
});

it("as many blocks fit as a cache has room for", () => {
  using attention = createAttention(device, { numHeads: 2, numKvHeads: 1, headSize: 64, dtype: "bfloat16" });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(2 ** 22), (layers, bytes) => {
      const numBlocks = attention.blocksThatFit({ layers, bytes });
      const takes = (blocks: number) => {
        if (blocks === 0) return 0;
        using cache = attention.createKvCache({ numBlocks: blocks, layers });
        return layers * cache.memory(0).byteLength;
      };
      expect(takes(numBlocks)).toBeLessThanOrEqual(bytes);
      expect(takes(numBlocks + 1)).toBeGreaterThan(bytes);
    }),
    { numRuns: 50 },
  );
  const { free } = device.memory();
  expect(attention.blocksThatFit({ layers: 2, bytes: free })).toBeGreaterThan(0);
  for (const options of [
    undefined,
    {},
    { layers: 0 },
    { layers: 1, bytes: -1 },
    { layers: "1" },
    { layer: 1 },
  ]) {
    expect(() => attention.blocksThatFit(options as never)).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }),
    );
  }
});

it("scales have a part each, a number for every slot and head", () => {
  const drawn = {
    blockSize: 16,
    numKvHeads: 2,
    headSize: 64,
    dtype: "float8_e4m3fnuz",
    scales: true,
  } as const;
  const layout = makeLayout("paired", drawn)!;
  expect(layout.parts.map(({ name, dtype, shape }) => [name, dtype, ...shape])).toEqual([
    ["key", "float8_e4m3fnuz", 16, 2, 64],
    ["value", "float8_e4m3fnuz", 16, 2, 64],
    ["keyScale", "float32", 2, 16],
    ["valueScale", "float32", 2, 16],
  ]);
  using cache = new KvCache(device, layout, 3, 1);
  const regions = layout.parts.map(({ name, bytes }) => {
    const { pointer, tensor } = cache.layer(0).part(name);
    return [pointer, pointer + BigInt(3 * bytes), tensor.shape[0]] as const;
  });
  for (const [i, [begin, , blocks]] of regions.entries()) {
    expect(blocks).toBe(3);
    if (i > 0) expect(begin).toBeGreaterThanOrEqual(regions[i - 1]![1]);
  }
});

it("a dimension that does not divide into groups of 16 bytes has no layout", () => {
  const drawn = { blockSize: 16, numKvHeads: 1, dtype: "bfloat16", scales: false } as const;
  expect(makeLayout("split", { ...drawn, headSize: 36 })).toBeNull();
  expect(makeLayout("shuffled", { ...drawn, headSize: 64, blockSize: 4 })).toBeNull();
  expect(makeLayout("paired", { ...drawn, headSize: 36 })).not.toBeNull();
});
