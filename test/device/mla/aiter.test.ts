import { afterAll, describe, expect, it } from "vitest";
import { Device } from "../../../lib/index.js";
import { noAiter } from "../../support/aiter.js";
import { onGpu } from "../../support/device.js";
import { isMlaAccurate, MlaCase, type MlaCaseOptions } from "../../support/mla-case.js";
import type { Lengths } from "../../support/reference.js";

const BACKEND = { backend: "ROCM_AITER_MLA", dtype: "bfloat16" } as const;

describe.skipIf(noAiter || onGpu)("ROCM_AITER_MLA", () => {
  const device = Device.open({ emulate: "gfx942", computeUnits: 8 });
  afterAll(() => device.close());

  async function check(given: Partial<MlaCaseOptions> & { lengths: Lengths }): Promise<void> {
    const options = { ...BACKEND, numHeads: 3, blockSize: 16, seed: 1, ...given };
    await using one = await MlaCase.create(device, options);
    const { output, lse } = await one.run();
    const errors = one.errors(output);
    expect(isMlaAccurate(errors, options), JSON.stringify(errors)).toBe(true);
    for (const [row, expected] of one.data.expected.lse.entries()) expect(lse[row]).toBeCloseTo(expected, 1);
  }

  it.each([1, 7, 16, 32])("takes %i heads", async (numHeads) => {
    await check({
      numHeads,
      lengths: [
        [70, 1],
        [0, 0],
        [9, 3],
        [20, 12],
        [0, 1],
      ],
    });
  });

  it.each([1, 4, 8])(
    "takes up to %i new tokens of a sequence, ragged, without new ones and split",
    async (most) => {
      const tokens = (n: number) => Math.min(most, n);
      await check({
        numHeads: 5,
        lengths: [
          [70, tokens(8)],
          [0, 0],
          [9, tokens(3)],
          [0, tokens(2)],
          [400, tokens(1)],
          [17, tokens(5)],
        ],
        peak: 4,
      });
    },
  );

  it.each<[number, Lengths]>([
    [
      1,
      [
        [150, 1],
        [0, 0],
        [9, 7],
        [20, 12],
        [700, 3],
        [0, 1],
      ],
    ],
    [
      16,
      [
        [90, 5],
        [0, 1],
      ],
    ],
    [48, [[40, 2]]],
    [128, [[4, 1]]],
  ])("takes an fp8 cache with %i heads", async (numHeads, lengths) => {
    await check({ numHeads, kScale: { value: 0.03, as: numHeads === 16 ? "number" : "tensor" }, lengths });
  });

  it("takes blocks of any size", async () => {
    for (const blockSize of [1, 7, 64])
      await check({
        blockSize,
        lengths: [
          [130, 2],
          [20, 30],
          [300, 1],
        ],
        peak: 4,
      });
  });

  it("takes 128 heads", () =>
    check({
      numHeads: 128,
      lengths: [
        [17, 1],
        [1, 2],
      ],
    }));

  it("finds a needle at the edge of every tile and split", async () => {
    const needles = [0, 15, 16, 31, 63, 64, 127, 128, 191, 192, 280, 299];
    await check({ lengths: needles.map(() => [299, 1]), needles, numHeads: 1, blockSize: 17 });
  });
});
