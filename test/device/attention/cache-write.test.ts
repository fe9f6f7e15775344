import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { fp8Encoding } from "../../../lib/catalog/targets.js";
import { fromFloat8, toFloat8 } from "../../../lib/float8.js";
import { createAttention, createBatch } from "../../../lib/index.js";
import { BACKENDS, runs, takes, WITH_FP8_CACHE } from "../../support/backends.js";
import { layerBytes, offsetOf } from "../../support/cache-images.js";
import { openTestDevice } from "../../support/device.js";
import { Random, type Rounded, round } from "../../support/reference.js";

const device = openTestDevice();
afterAll(() => device.close());

/** What stands in slots that nobody writes to. */
const UNTOUCHED = 0x7fff;
const NUM_BLOCKS = 5;

const step = fc
  .record({
    numKvHeads: fc.constantFrom(1, 2, 3, 5, 8),
    headSize: fc.constantFrom(32, 40, 64, 72, 128, 200, 256),
    blockSize: fc.constantFrom(16, 48),
    dtype: fc.constantFrom("bfloat16", "float16"),
    tokens: fc.integer({ min: 1, max: 20 }),
    /** Elements between the rows of keys and values, in units of 16 bytes, beyond what they need. */
    gap: fc.nat(3),
    seed: fc.nat(),
    wide: fc.boolean(),
  })
  .chain((drawn) =>
    fc.record({
      ...(Object.fromEntries(Object.entries(drawn).map(([key, value]) => [key, fc.constant(value)])) as {
        [K in keyof typeof drawn]: fc.Arbitrary<(typeof drawn)[K]>;
      }),
      // Every slot at most once, in any order; -1: nowhere.
      slots: fc
        .uniqueArray(fc.nat(NUM_BLOCKS * drawn.blockSize - 1), {
          minLength: drawn.tokens,
          maxLength: drawn.tokens,
        })
        .chain((slots) => fc.tuple(...slots.map((slot) => fc.constantFrom(slot, slot, slot, -1)))),
    }),
  );

describe.each(BACKENDS)("the cache write of $backend", ({ backend, layout }) => {
  it("puts each token's key and value into its slot, and nothing anywhere else", async () => {
    await fc.assert(
      fc.asyncProperty(
        step,
        async ({ numKvHeads, headSize, blockSize, dtype, tokens, gap, seed, wide, slots }) => {
          const shape = { numHeads: 1, numKvHeads: 1, headSize, blockSize: 16 };
          fc.pre(runs({ backend, layout }, { shape, dtype }, device.info.arch));
          const config = { numHeads: numKvHeads, numKvHeads, headSize, dtype, blockSize } as const;
          using attention = createAttention(device, { ...config, backend });
          using cache = attention.createKvCache({ numBlocks: NUM_BLOCKS });
          const width = numKvHeads * headSize;
          const sizes = { numBlocks: NUM_BLOCKS, blockSize, numKvHeads, headSize, itemBytes: 2 };
          const expected = new Uint16Array(layerBytes(layout, sizes) / 2).fill(UNTOUCHED);
          await cache.memory(0).write(expected);

          // Keys and values side by side in one tensor, as a model's fused projection leaves them.
          const stride = 2 * width + 8 * gap;
          const random = new Random(seed);
          const bits = Uint16Array.from({ length: tokens * stride }, () => random.uniform() * 0x7c00);
          using fused = await device.upload(bits, { shape: [tokens, stride], dtype });
          const rows = { shape: [tokens, numKvHeads, headSize], strides: [stride, headSize, 1] };
          using batch = createBatch(device, {
            maxSequences: 1,
            maxTokens: tokens,
            maxBlocksPerSequence: 2,
            blockSize,
          });
          batch.update({
            queryStartLoc: [0, tokens],
            seqLens: [tokens],
            blockTable: [[0, 1]],
            slotMapping: wide ? BigInt64Array.from(slots, BigInt) : Int32Array.from(slots),
          });
          using output = device.empty(rows.shape, dtype);
          attention.forward({
            query: fused.view(rows),
            key: fused.view(rows),
            value: fused.view({ ...rows, byteOffset: 2 * width }),
            output,
            cache: cache.layer(0),
            batch,
          });

          for (const [token, slot] of slots.entries()) {
            if (slot < 0) continue;
            const block = Math.floor(slot / blockSize);
            for (const half of [0, 1] as const) {
              for (let i = 0; i < width; i++) {
                const head = Math.floor(i / headSize);
                const place = { half, block, slot: slot % blockSize, head, element: i % headSize };
                expected[offsetOf(layout, sizes, place) / 2] = bits[token * stride + half * width + i]!;
              }
            }
          }
          const written = (await cache.memory(0).read()) as Uint8Array;
          expect(firstDifference(new Uint16Array(written.buffer), expected)).toBeNull();
        },
      ),
      { numRuns: 40 },
    );
  });
});

const fp8 = fp8Encoding(device.info.arch);

describe.each(WITH_FP8_CACHE)("the cache write of $backend to fp8", ({ backend, layout }) => {
  const shape = { numKvHeads: 2, headSize: 64, blockSize: 16 };
  const tokens = 7;
  const width = shape.numKvHeads * shape.headSize;
  /** Numbers of all magnitudes, and those that have none. */
  const value = fc.oneof(
    { weight: 20, arbitrary: fc.float({ noNaN: true, min: -1000, max: 1000 }) },
    fc.constantFrom(0, -0, 240, 448, 248, 464, 1e30, -1e30, Infinity, -Infinity, NaN),
  );
  const rows = fc.array(value, { minLength: tokens * width, maxLength: tokens * width });
  // 0.03 and 3 make quotients that lie, rounded, halfway between two numbers of the cache.
  const scale = fc.constantFrom(1, 0.37, 0.03, 1 / 64, 3);

  it.runIf(fp8 !== null)("divides, rounds to the nearest and saturates; NaN stays", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          ...{ keys: rows, values: rows, kScale: scale, vScale: scale, inMemory: fc.boolean() },
          dtype: fc.constantFrom("bfloat16", "float16", "float32"),
        }),
        async ({ keys, values, kScale, vScale, inMemory, dtype }) => {
          fc.pre(takes({ backend }, dtype, shape.headSize));
          const config = {
            numHeads: shape.numKvHeads,
            ...shape,
            dtype,
            kvCacheDtype: "fp8",
            backend,
          } as const;
          using attention = createAttention(device, config);
          using cache = attention.createKvCache({ numBlocks: 1 });
          using batch = createBatch(device, { maxSequences: 1, maxTokens: tokens, maxBlocksPerSequence: 1 });
          batch.update({ queryStartLoc: [0, tokens], seqLens: [tokens], blockTable: [[0]] });
          const rounded = [round(dtype, keys), round(dtype, values)] as const;
          const dims = [tokens, shape.numKvHeads, shape.headSize];
          const give = ({ bits }: Rounded) => device.upload(bits, { shape: dims, dtype });
          const give1 = async (number: number) =>
            inMemory ? device.upload(Float32Array.of(number), { shape: [1], dtype: "float32" }) : number;
          const [key, value] = [await give(rounded[0]), await give(rounded[1])];
          attention.forward({
            ...{ query: key, key, value, output: device.empty(dims, dtype), cache: cache.layer(0), batch },
            ...{ kScale: await give1(kScale), vScale: await give1(vScale) },
          });
          const written = (await cache.memory(0).read()) as Uint8Array;
          const sizes = { numBlocks: 1, ...shape, itemBytes: 1 };
          for (const half of [0, 1] as const) {
            for (let i = 0; i < tokens * width; i++) {
              const [slot, head] = [Math.floor(i / width), Math.floor((i % width) / shape.headSize)];
              const place = { half, block: 0, slot, head, element: i % shape.headSize };
              const stored = rounded[half].values[i]! / Math.fround(half === 0 ? kScale : vScale);
              const code = written[offsetOf(layout, sizes, place)]!;
              const [actual, expected] = [code, toFloat8(fp8!, Math.fround(stored))].map((bits) =>
                fromFloat8(fp8!, bits),
              );
              if (!Object.is(actual, expected))
                throw new Error(`${stored} became ${actual}, not ${expected}`);
            }
          }
        },
      ),
      { numRuns: 20 },
    );
  });
});

function firstDifference(actual: Uint16Array, expected: Uint16Array): object | null {
  const at = expected.findIndex((bits, i) => actual[i] !== bits);
  return at < 0 ? null : { at, actual: actual[at], expected: expected[at] };
}
