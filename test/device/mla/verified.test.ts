import { afterAll, describe, expect, it } from "vitest";
import { Device, EMULATED_ARCHS, traceLaunches } from "../../../lib/index.js";
import { installedKernels } from "../../../lib/kernels/store.js";
import { isMlaAccurate, MlaCase, type MlaCaseOptions } from "../../support/mla-case.js";
import type { Lengths } from "../../support/reference.js";

/** Batches that between them launch every kernel: decodes of few rows and of many, and a prefill. */
const BATCHES: readonly Lengths[] = [
  [
    [140, 1],
    [20, 14],
  ],
  Array.from({ length: 5 }, () => [3, 8]),
];

describe.each(EMULATED_ARCHS)("the kernels of latent attention for %s", (arch) => {
  const device = Device.open({ emulate: arch, computeUnits: 8 });
  afterAll(() => device.close());

  it("that are marked as verified on the emulator compute what float64 does, each of them", async () => {
    const marked = installedKernels([arch]).kernels.filter(
      ({ verified, provider, operation }) =>
        verified === "emulator" && ["triton", "aiter"].includes(provider) && operation.includes("mla"),
    );
    expect(marked.length).toBeGreaterThan(0);
    const launched = new Set<string>();
    traceLaunches(({ id, start, end }) => {
      launched.add(id);
      start.dispose();
      end.dispose();
    });
    const check = async (options: MlaCaseOptions) => {
      await using one = await MlaCase.create(device, options);
      const errors = one.errors((await one.run()).output);
      expect(isMlaAccurate(errors, options), JSON.stringify(errors)).toBe(true);
    };
    const common = { numHeads: 3, blockSize: 20, seed: 4 };
    for (const { serves } of marked.filter(({ operation }) => operation === "concat_and_cache_mla")) {
      const dtype = serves.dtypes![0] as MlaCaseOptions["dtype"];
      const isFp8 = serves.kvCacheDtypes!.includes("fp8");
      const kScale = isFp8 ? ({ value: 0.03, as: "tensor" } as const) : undefined;
      for (const lengths of BATCHES) await check({ ...common, dtype, lengths, kScale });
    }
    for (const { tile, serves } of marked.filter(({ provider }) => provider === "aiter")) {
      const of = { backend: "ROCM_AITER_MLA", dtype: "bfloat16", numHeads: tile.heads! } as const;
      const isFp8 = serves.kvCacheDtypes!.includes("fp8");
      const kScale = isFp8 ? ({ value: 0.03, as: "number" } as const) : undefined;
      await check({ ...common, ...of, kScale, lengths: [[9, tile.tokens!]] });
    }
    traceLaunches(null);
    expect([...launched].sort()).toEqual(marked.map(({ id }) => id).sort());
  });
});
