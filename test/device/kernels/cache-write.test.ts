import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { itemSize } from "../../../lib/dtype.js";
import { reshapeAndCache, reshapeAndCacheFlash } from "../../../lib/index.js";
import {
  CACHE_KINDS,
  CacheUnderTest,
  cacheShapes,
  NUM_BLOCKS,
  storedBits,
} from "../../support/cache-data.js";
import { HIP_TEST_DEVICES, noHipKernels } from "../../support/hip-kernels.js";
import { Random } from "../../support/reference.js";
import { underSchedule, waveSchedules } from "../../support/wave-schedules.js";

/** What stands in slots that nobody writes to. */
const UNTOUCHED = 0x55;

const step = (shapes: ReturnType<typeof cacheShapes>) =>
  fc
    .record({
      shape: shapes,
      tokens: fc.integer({ min: 1, max: 40 }),
      /** Elements between the rows of keys and values, in units of 16 bytes, beyond what they need. */
      gap: fc.nat(3),
      scales: fc.tuple(fc.constantFrom(1, 0.3, 8), fc.constantFrom(1, 0.02)),
      areTensors: fc.boolean(),
      seed: fc.nat(),
    })
    .chain((drawn) => {
      // Every slot at most once, in any order or one after the other; -1 and one that the cache does not have: nowhere.
      const slots = NUM_BLOCKS * drawn.shape.blockSize;
      const count = { minLength: drawn.tokens, maxLength: drawn.tokens };
      const anywhere = fc.uniqueArray(fc.nat(slots - 1), count);
      const run = fc
        .nat(slots - drawn.tokens)
        .map((first) => Array.from({ length: drawn.tokens }, (_, i) => first + i));
      const chosen = fc.oneof(anywhere, run);
      const dropped = fc.array(fc.constantFrom(null, null, null, -1, slots, 2 ** 40), count);
      return fc.record({
        drawn: fc.constant(drawn),
        slots: fc.tuple(chosen, dropped).map(([all, instead]) => all.map((slot, i) => instead[i] ?? slot)),
      });
    });

describe.skipIf(noHipKernels).each(HIP_TEST_DEVICES)("on $name", ({ open }) => {
  const device = open();
  afterAll(() => device.close());

  it.each(CACHE_KINDS)(
    "each token comes into its slot of layout $layout (heads first: $headsFirst), and nothing anywhere else",
    async (kind) => {
      const write = ["split", "shuffled"].includes(kind.layout) ? reshapeAndCache : reshapeAndCacheFlash;
      await fc.assert(
        fc.asyncProperty(step(cacheShapes(device)), waveSchedules, async ({ drawn, slots }, schedule) => {
          const { shape, tokens, gap, scales, areTensors, seed } = drawn;
          const { numKvHeads, headSize, blockSize, dtype, isFp8 } = shape;
          const cache = new CacheUnderTest(device, kind, shape);
          const expected = new Uint8Array(cache.bytes).fill(UNTOUCHED);
          await cache.write(expected);

          // Keys and values side by side in one tensor, as a model's fused projection leaves them.
          const width = numKvHeads * headSize;
          const stride = 2 * width + 8 * gap;
          const random = new Random(seed);
          const bits = Uint16Array.from({ length: tokens * stride }, () => random.uniform() * 0x10000);
          using fused = await device.upload(bits, { shape: [tokens, stride], dtype });
          const rows = { shape: [tokens, numKvHeads, headSize], strides: [stride, headSize, 1] };
          const mapping = BigInt64Array.from(slots, BigInt);
          using slotMapping = await device.upload(mapping, { shape: [tokens], dtype: "int64" });
          const given = await Promise.all(
            scales.map(async (scale) =>
              areTensors
                ? await device.upload(Float32Array.of(scale), { shape: [1], dtype: "float32" })
                : scale,
            ),
          );
          const [key, value] = [fused.view(rows), fused.view({ ...rows, byteOffset: 2 * width })];
          const scaled = isFp8 ? { kScale: given[0], vScale: given[1] } : {};
          const written = await underSchedule(schedule, () => {
            write({ key, value, cache: cache.layer, slotMapping, ...scaled });
            return cache.read();
          });

          const bytes = itemSize(cache.stored);
          for (const [token, slot] of slots.entries()) {
            if (slot < 0 || slot >= NUM_BLOCKS * blockSize) continue;
            const block = Math.floor(slot / blockSize);
            for (let i = 0; i < 2 * width; i++) {
              const half = i < width ? 0 : 1;
              const [head, element] = [Math.floor((i % width) / headSize), i % headSize];
              const at = cache.offsetOf({ half, block, slot: slot % blockSize, head, element });
              const stored = storedBits(cache.stored, dtype, bits[token * stride + i]!, scales[half]!);
              for (let byte = 0; byte < bytes; byte++) expected[at + byte] = stored >> (8 * byte);
            }
          }
          // NaN may have either sign in OCP's format.
          const sign = cache.stored === "float8_e4m3fn" ? 0x80 : 0;
          const isRight = (byte: number, i: number) =>
            byte === expected[i] || (expected[i] === 0x7f && byte === (0x7f | sign));
          expect(written.findIndex((byte, i) => !isRight(byte, i))).toBe(-1);
          cache.dispose();
          for (const scale of given) if (typeof scale !== "number") scale.dispose();
        }),
        { numRuns: 8 },
      );
    },
  );
});
