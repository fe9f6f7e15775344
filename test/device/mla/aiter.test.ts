import { afterAll, describe, expect, it } from "vitest";
import { createBatch, createMlaAttention, Device } from "../../../lib/index.js";
import { noAiter } from "../../support/aiter.js";
import { coded } from "../../support/coded.js";
import { onGpu } from "../../support/device.js";
import { isMlaAccurate, MlaCase, type MlaCaseOptions } from "../../support/mla-case.js";
import type { Lengths } from "../../support/reference.js";
import { launchesOf } from "../../support/verified.js";

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

  it("prefills neighbouring sequences together and long ones in chunks, through CK-tile", async () => {
    const options = {
      ...{ ...BACKEND, numHeads: 3, blockSize: 16, seed: 2, peak: 4, config: { maxChunkTokens: 256 } },
      lengths: [
        [100, 13],
        [0, 9],
        [300, 2],
        [0, 140],
        [243, 150],
        [0, 0],
        [9, 30],
        [600, 10],
      ] as Lengths,
    };
    await using apart = await MlaCase.create(device, options);
    const { kernels, result } = await launchesOf(() => apart.run());
    const operations = (ids: Iterable<string>) => new Set([...ids].map((id) => id.split(".")[1]));
    for (const one of ["mla_join_query", "fmha_forward", "merge_attention_states"]) {
      expect(operations(kernels)).toContain(one);
    }
    const errors = apart.errors(result.output);
    expect(isMlaAccurate(errors, options), JSON.stringify(errors)).toBe(true);
    for (const [row, lse] of apart.data.expected.lse.entries()) expect(result.lse[row]).toBeCloseTo(lse, 1);
    expect((await apart.run({ withLse: false, attendOnly: true })).bits).toEqual(result.bits);
    await using joined = await MlaCase.create(device, { ...options, joined: true });
    const again = await launchesOf(() => joined.run());
    expect(operations(again.kernels)).not.toContain("mla_join_query");
    expect(again.result.bits).toEqual(result.bits);
  });

  it("refuses batches whose prefills have more tokens than CK-tile reaches", () => {
    const attention = createMlaAttention(device, { ...BACKEND, numHeads: 128, kvLoraRank: 512 });
    const limits = { maxSequences: 1, maxTokens: 2 ** 16, maxBlocksPerSequence: 1 };
    const most = Math.floor(2 ** 31 / (128 * 192 * 2));
    expect(() => attention.prepare(createBatch(device, { ...limits, maxQueryLen: most + 1 }))).toThrow(
      coded("ERR_INVALID_ARGUMENT", `maxQueryLen of at most ${most} with 128 heads`),
    );
    attention.dispose();
  });

  it("sees a mask of a prefill that is shifted by one", async () => {
    const mutate: MlaCaseOptions["mutate"] = ({ seqLens }) => seqLens[0]!--;
    await expect(check({ lengths: [[60, 20]], mutate })).rejects.toThrow();
  });

  it("splits a long context further than AITER does where few requests leave compute units idle", async () => {
    const large = Device.open({ emulate: "gfx942", computeUnits: 80 });
    for (const numHeads of [1, 128]) {
      const options = { ...BACKEND, numHeads, blockSize: 64, seed: 3, compared: [numHeads - 1] };
      await using one = await MlaCase.create(large, { ...options, lengths: [[2200, 1]] });
      const { output } = await one.run();
      const errors = one.errors(output);
      expect(isMlaAccurate(errors, options), JSON.stringify(errors)).toBe(true);
    }
    await large.close();
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
