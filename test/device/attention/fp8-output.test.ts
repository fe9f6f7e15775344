import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { fp8Encoding } from "../../../lib/catalog/targets.js";
import { fromFloat8, toFloat8 } from "../../../lib/float8.js";
import { createAttention, createBatch, Device, type Tensor } from "../../../lib/index.js";
import { coded } from "../../support/coded.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import { PagedCase } from "../../support/paged-case.js";
import type { Features } from "../../support/paged-data.js";
import { BOUNDS, type Lengths } from "../../support/reference.js";

interface Case {
  readonly device: Device;
  readonly dtypes: readonly (keyof typeof BOUNDS)[];
  readonly headSizes: readonly number[];
  readonly features: readonly Features[];
}

/** The test device, and one of the other encoding, for which a part of the kernels is built. */
const CASES: Case[] = [
  {
    device: openTestDevice(),
    dtypes: ["bfloat16", "float16", "float32"],
    headSizes: [40, 64, 128, 200],
    features: [{}, { slidingWindow: 280, sinks: true }],
  },
];
if (!onGpu) {
  const device = Device.open({ emulate: "gfx950", computeUnits: 8 });
  CASES.push({ device, dtypes: ["bfloat16"], headSizes: [80, 128], features: [{}] });
}
afterAll(() => Promise.all(CASES.map(({ device }) => device.close())));

/** A split decode, a prefill in large tiles, and short sequences in small ones. */
const STEPS: Lengths[] = [
  [
    [300, 1],
    [20, 40],
  ],
  [
    [5, 2],
    [40, 1],
  ],
];

describe.each(CASES.filter(({ device }) => fp8Encoding(device.info.arch)))(
  "an output in fp8 on $device.info.arch",
  ({ device, dtypes, headSizes, features }) => {
    const fp8 = fp8Encoding(device.info.arch);
    const round = (value: number) => fromFloat8(fp8!, toFloat8(fp8!, value));

    it("is the result divided by its scale, rounded to the nearest and saturated", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.record({
            dtype: fc.constantFrom(...dtypes),
            headSize: fc.constantFrom(...headSizes),
            lengths: fc.constantFrom(...STEPS),
            features: fc.constantFrom(...features),
            // The smallest saturates nearly everything, the largest leaves subnormal numbers.
            scale: fc.constantFrom(1 / 4096, 0.01, 1, 7),
            isInMemory: fc.boolean(),
            seed: fc.nat(),
          }),
          async ({ headSize, scale, isInMemory, ...drawn }) => {
            const shape = { numHeads: 8, numKvHeads: 2, headSize, blockSize: 16 };
            await using paged = await PagedCase.create(device, { shape, ...drawn });
            const outputScale = isInMemory
              ? await device.upload(Float32Array.of(scale), { shape: [1], dtype: "float32" })
              : scale;
            const { output } = await paged.run({ outputScale });
            const expected = paged.expected.output;
            for (let row = 0; row < expected.length; row += headSize) {
              const squares = expected
                .subarray(row, row + headSize)
                .reduce((sum, value) => sum + value ** 2, 0);
              const tolerance = 8 * BOUNDS[drawn.dtype] * Math.sqrt(squares / headSize);
              for (let i = row; i < row + headSize; i++) {
                const [low, high] = [expected[i]! - tolerance, expected[i]! + tolerance];
                const isRounded = output[i]! >= round(low / scale) && output[i]! <= round(high / scale);
                if (!isRounded) throw new Error(`${expected[i]! / scale} became ${output[i]}`);
              }
            }
          },
        ),
        { numRuns: 12 },
      );
    }, 120_000);

    it("is refused without its scale, and the scale without fp8", () => {
      const shape = { numHeads: 4, numKvHeads: 2, headSize: 128, dtype: "bfloat16" } as const;
      using attention = createAttention(device, shape);
      using cache = attention.createKvCache({ numBlocks: 1 });
      using batch = createBatch(device, { maxSequences: 1, maxTokens: 1, maxBlocksPerSequence: 1 });
      batch.update({ queryStartLoc: [0, 1], seqLens: [1], blockTable: [[0]] });
      const [query, narrow] = [device.zeros([1, 4, 128], "bfloat16"), device.zeros([1, 4, 128], fp8!)];
      const given = { query, cache: cache.layer(0), batch };
      const forward = (output: Tensor, outputScale?: number) => () =>
        attention.forward({ ...given, output, outputScale });
      const error = (...words: string[]) => coded("ERR_INVALID_ARGUMENT", ...words);
      expect(forward(narrow)).toThrow(error("bfloat16 for output", fp8!));
      expect(forward(query, 2)).toThrow(error(`${fp8} for output`, "bfloat16"));
      expect(forward(narrow, 0)).toThrow(error("a positive number", "outputScale"));
    });
  },
);
