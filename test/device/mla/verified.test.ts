import { afterAll, describe, expect, it } from "vitest";
import { installedKernels } from "../../../lib/kernels/store.js";
import { onGpu } from "../../support/device.js";
import { HIP_TEST_DEVICES } from "../../support/hip-kernels.js";
import { isMlaAccurate, MlaCase, type MlaCaseOptions } from "../../support/mla-case.js";
import { launchesOf } from "../../support/verified.js";

/** Batches that between them launch every kernel: decodes of few rows and of many, and a prefill. */
const FEW: Pick<MlaCaseOptions, "numHeads" | "lengths"> = {
  numHeads: 3,
  lengths: [
    [140, 1],
    [20, 14],
  ],
};
const MANY: Pick<MlaCaseOptions, "numHeads" | "lengths" | "compared"> = {
  numHeads: 16,
  lengths: Array.from({ length: 16 }, () => [3, 8]),
  compared: [0, 15],
};

describe.each(HIP_TEST_DEVICES)("the kernels of latent attention for $name", ({ open }) => {
  const device = open();
  const { arch } = device.info;
  afterAll(() => device.close());

  it("that are marked as verified compute what float64 does, each of them", async () => {
    const marked = installedKernels([arch]).kernels.filter(
      ({ verified, provider, operation }) =>
        (onGpu || verified !== "none") &&
        ["triton", "aiter"].includes(provider) &&
        operation.includes("mla") &&
        operation !== "gather_mla_cache", // which cache.test.ts launches
    );
    expect(marked.length).toBeGreaterThan(0);
    const launched = new Set<string>();
    const check = async (options: MlaCaseOptions) => {
      const made = await launchesOf(() => MlaCase.create(device, options)); // which rounds weights
      await using one = made.result;
      const { kernels, result } = await launchesOf(() => one.run());
      for (const id of [...made.kernels, ...kernels]) launched.add(id);
      const errors = one.errors(result.output);
      expect(isMlaAccurate(errors, options), JSON.stringify(errors)).toBe(true);
    };
    const common = { blockSize: 20, seed: 4 };
    for (const { serves } of marked.filter(({ operation }) => operation === "concat_and_cache_mla")) {
      const dtype = serves.dtypes![0] as MlaCaseOptions["dtype"];
      const isFp8 = serves.kvCacheDtypes!.includes("fp8");
      const kScale = isFp8 ? ({ value: 0.03, as: "tensor" } as const) : undefined;
      for (const batch of [FEW, MANY]) await check({ ...common, ...batch, dtype, kScale });
      // Products in fp8, in tiles of few tokens and of many.
      for (const batch of isFp8 ? [{ ...FEW, lengths: [[9, 3]] as const }, MANY] : []) {
        await check({ ...common, ...batch, dtype, quantised: true });
      }
    }
    for (const { operation, tile, serves } of marked.filter(({ provider }) => provider === "aiter")) {
      const of = { backend: "ROCM_AITER_MLA", dtype: "bfloat16", numHeads: tile.heads! } as const;
      const isFp8 = serves.kvCacheDtypes!.includes("fp8");
      const kScale = isFp8 ? ({ value: 0.03, as: "number" } as const) : undefined;
      const qScale = operation === "mla_decode_fp8" ? kScale : undefined;
      const compared = [0, tile.heads! - 1];
      await check({ ...common, ...of, compared, kScale, qScale, lengths: [[9, tile.tokens!]] });
      if (tile.tokens === 4) await check({ ...common, ...of, numHeads: 2, kScale, lengths: [[9, 11]] });
    }
    const ofLatents = [...launched].filter((id) => id.includes("mla"));
    expect(ofLatents.sort()).toEqual(marked.map(({ id }) => id).sort());
  });
});
