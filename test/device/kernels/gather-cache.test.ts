import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { itemSize } from "../../../lib/dtype.js";
import { gatherCache } from "../../../lib/index.js";
import {
  CACHE_KINDS,
  CacheUnderTest,
  cacheShapes,
  loadedBits,
  NUM_BLOCKS,
} from "../../support/cache-data.js";
import { HIP_TEST_DEVICES, noHipKernels } from "../../support/hip-kernels.js";
import { Random } from "../../support/reference.js";
import { underSchedule, waveSchedules } from "../../support/wave-schedules.js";

/** What stands in rows that no range has. */
const UNTOUCHED = 0x5555;
/** Rows of the outputs behind the last range. */
const PADDING = 3;

const ranges = (shapes: ReturnType<typeof cacheShapes>) =>
  fc
    .record({
      shape: shapes,
      columns: fc.integer({ min: 1, max: 3 }),
      scale: fc.constantFrom(1, 0.3, 8),
      seed: fc.nat(),
    })
    .chain((drawn) => {
      const most = drawn.columns * drawn.shape.blockSize;
      // A block may stand in the tables of two sequences; ids that the cache does not have give no rows.
      const block = fc.oneof(
        { weight: 9, arbitrary: fc.nat(NUM_BLOCKS - 1) },
        fc.constantFrom(-1, NUM_BLOCKS),
      );
      const sequence = fc.record({
        blocks: fc.array(block, { minLength: drawn.columns, maxLength: drawn.columns }),
        range: fc
          .tuple(fc.nat(most), fc.nat(most))
          .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const),
      });
      return fc.record({
        drawn: fc.constant(drawn),
        sequences: fc.array(sequence, { minLength: 1, maxLength: 9 }),
      });
    });

describe.skipIf(noHipKernels).each(HIP_TEST_DEVICES)("on $name", ({ open }) => {
  const device = open();
  afterAll(() => device.close());

  it.each(CACHE_KINDS)(
    "ranges of a cache of layout $layout (heads first: $headsFirst) become rows, and all other rows stay",
    async (kind) => {
      await fc.assert(
        fc.asyncProperty(
          ranges(cacheShapes(device)),
          waveSchedules,
          async ({ drawn, sequences }, schedule) => {
            const { shape, columns, scale, seed } = drawn;
            const { numKvHeads, headSize, blockSize, dtype, isFp8 } = shape;
            const cache = new CacheUnderTest(device, kind, shape);
            const random = new Random(seed);
            const image = new Uint8Array(cache.bytes).map(() => random.uniform() * 256);
            await cache.write(image);

            const starts = sequences.map(({ range }) => range[0]);
            const rowStarts = [0];
            for (const { range } of sequences) rowStarts.push(rowStarts.at(-1)! + range[1] - range[0]);
            const rows = rowStarts.at(-1)! + PADDING;
            const ints = (values: number[], shape: number[]) =>
              device.upload(Int32Array.from(values), { shape, dtype: "int32" });
            const count = sequences.length;
            const tables = {
              blockTable: await ints(
                sequences.flatMap(({ blocks }) => blocks),
                [count, columns],
              ),
              starts: await ints(starts, [count]),
              rowStarts: await ints(rowStarts, [count + 1]),
            };
            // Keys and values of a row side by side.
            const width = numKvHeads * headSize;
            const expected = new Uint16Array(rows * 2 * width).fill(UNTOUCHED);
            using both = await device.upload(expected, { shape: [rows, 2 * width], dtype });
            const view = { shape: [rows, numKvHeads, headSize], strides: [2 * width, headSize, 1] };
            const [key, value] = [both.view(view), both.view({ ...view, byteOffset: 2 * width })];
            using vScale = await device.upload(Float32Array.of(3), { shape: [1], dtype: "float32" });
            const scales = isFp8 ? { kScale: scale, vScale } : {};
            const gathered = await underSchedule(schedule, async () => {
              gatherCache({ cache: cache.layer, ...tables, key, value, ...scales });
              return (await both.read()) as Uint16Array;
            });

            const bytes = itemSize(cache.stored);
            for (const [s, { blocks, range }] of sequences.entries()) {
              for (let position = range[0]; position < range[1]; position++) {
                const block = blocks[Math.floor(position / blockSize)]!;
                if (block < 0 || block >= NUM_BLOCKS) continue;
                const row = rowStarts[s]! + position - range[0];
                for (let i = 0; i < 2 * width; i++) {
                  const half = i < width ? 0 : 1;
                  const [head, element] = [Math.floor((i % width) / headSize), i % headSize];
                  const at = cache.offsetOf({ half, block, slot: position % blockSize, head, element });
                  const stored = image[at]! | (bytes === 2 ? image[at + 1]! << 8 : 0);
                  expected[row * 2 * width + i] = loadedBits(
                    cache.stored,
                    dtype,
                    stored,
                    half === 0 ? scale : 3,
                  );
                }
              }
            }
            // A NaN of an fp8 cache may be any NaN of 16 bits.
            const largest = dtype === "bfloat16" ? 0x7f80 : 0x7c00;
            const isNaN16 = (bits: number) => (bits & 0x7fff) > largest;
            const isRight = (bits: number, i: number) =>
              bits === expected[i] || (isFp8 && isNaN16(bits) && isNaN16(expected[i]!));
            expect(gathered.findIndex((bits, i) => !isRight(bits, i))).toBe(-1);
            cache.dispose();
            for (const tensor of Object.values(tables)) tensor.dispose();
          },
        ),
        { numRuns: 8 },
      );
    },
  );
});
