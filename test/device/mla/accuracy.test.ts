import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { openTestDevice } from "../../support/device.js";
import { isMlaAccurate, MlaCase, type MlaCaseOptions } from "../../support/mla-case.js";
import type { Lengths } from "../../support/reference.js";

const device = openTestDevice();
afterAll(() => device.close());
const hasFp8 = !device.info.arch.startsWith("gfx90");
const runs = process.env.ROCM_ATTENTION_TEST_ALL ? 60 : 12;

async function check(given: Partial<MlaCaseOptions> & { lengths: Lengths }): Promise<void> {
  const options = { numHeads: 3, blockSize: 16, dtype: "bfloat16", seed: 1, ...given } as const;
  await using one = await MlaCase.create(device, options);
  const { output, lse } = await one.run();
  const errors = one.errors(output);
  expect(isMlaAccurate(errors, options), JSON.stringify(errors)).toBe(true);
  for (const [row, expected] of one.data.expected.lse.entries()) expect(lse[row]).toBeCloseTo(expected, 1);
}

/** Sequences with a few new tokens, which decode, and with many, which are prefilled, in any order. */
const lengths = fc.array(
  fc.tuple(fc.nat(130), fc.oneof(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 9, max: 70 }))),
  { minLength: 1, maxLength: 4 },
);

describe("latent attention of TRITON_MLA", () => {
  it("is what every head's attention to keys and values of its own is", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          lengths,
          numHeads: fc.constantFrom(1, 2, 5),
          blockSize: fc.constantFrom(16, 17, 40, 64),
          dtype: fc.constantFrom("bfloat16" as const, "float16" as const),
          // Scores with a standard deviation of up to 4; the scale is one of models whose context yarn has stretched.
          sharpness: fc.constantFrom({ peak: 1 }, { peak: 4 }, { peak: 2, scale: 0.1147 }),
          kScale: fc.option(
            fc.record({ value: fc.constantFrom(0.03, 1), as: fc.constantFrom("number", "tensor") }),
            {
              nil: undefined,
            },
          ),
          seed: fc.nat(2 ** 31),
        }),
        ({ kScale, sharpness, ...drawn }) =>
          check({ ...drawn, ...sharpness, kScale: hasFp8 ? kScale : undefined }),
      ),
      { numRuns: runs },
    );
  }, 300_000);

  it("finds a needle at the edge of every tile, block and segment", async () => {
    const needles = [0, 15, 16, 17, 127, 128, 143, 144, 255, 256, 298, 299];
    await check({ lengths: needles.map(() => [299, 1]), needles, numHeads: 1, blockSize: 17 });
    for (const needle of [0, 31, 32, 63, 64, 255, 256, 280]) {
      await check({ lengths: [[280, 12]], needles: [needle], numHeads: 1 });
    }
  }, 300_000);

  it("merges the chunks of a long context, and serves more prefills than fit into one", async () => {
    const config = { maxChunkTokens: 256 };
    await check({ lengths: [[500, 20]], numHeads: 2, config });
    await check({
      lengths: [
        [243, 13],
        [244, 13],
        [0, 9],
        [300, 2],
        [600, 10],
      ],
      numHeads: 1,
      config,
    });
  }, 300_000);

  it("takes 16 heads and all 128, whose rows fill more than one tile", async () => {
    await check({
      lengths: [
        [40, 1],
        [9, 8],
        [3, 10],
      ],
      numHeads: 16,
    });
    await check({
      lengths: [
        [20, 1],
        [5, 2],
      ],
      numHeads: 128,
    });
  }, 300_000);

  it.each<[string, Lengths, NonNullable<MlaCaseOptions["mutate"]>]>([
    ["a dropped last key", [[60, 1]], ({ seqLens }) => seqLens[0]!--],
    [
      "a dropped tile",
      [[200, 1]],
      ({ seqLens }) => {
        seqLens[0]! -= 16;
      },
    ],
    ["a mask shifted by one", [[60, 20]], ({ seqLens }) => seqLens[0]!--],
  ])("%s is seen", async (_, lengths, mutate) => {
    for (const peak of [1, 4]) await expect(check({ lengths, peak, mutate, numHeads: 8 })).rejects.toThrow();
  });
});

describe("the same bits of TRITON_MLA", () => {
  it("come for a row alone and in a batch, with batchInvariant", async () => {
    const options = { numHeads: 2, blockSize: 16, dtype: "bfloat16", seed: 5 } as const;
    for (const alone of [[[300, 1]], [[290, 30]], [[20, 5]]] as Lengths[]) {
      const config = { batchInvariant: true };
      await using single = await MlaCase.create(device, { ...options, config, lengths: alone });
      const inBatch: Lengths = [...alone, [13, 1], [40, 20], [500, 1], [7, 8]];
      await using several = await MlaCase.create(device, { ...options, config, lengths: inBatch });
      const expected = (await single.run()).bits;
      expect((await several.run()).bits.subarray(0, expected.length)).toEqual(expected);
    }
  });

  it("come again, without an LSE, and to what an earlier call has written", async () => {
    const lengths: Lengths = [
      [300, 1],
      [40, 30],
      [9, 4],
    ];
    await using one = await MlaCase.create(device, {
      numHeads: 3,
      blockSize: 16,
      dtype: "float16",
      seed: 6,
      lengths,
    });
    const { bits } = await one.run();
    expect((await one.run({ withLse: false })).bits).toEqual(bits);
    expect((await one.run({ attendOnly: true })).bits).toEqual(bits);
  });
});
