import { afterAll, describe, expect, it } from "vitest";
import { Device } from "../../../lib/index.js";
import { onGpu } from "../../support/device.js";
import {
  isMlaAccurate,
  MLA_BACKENDS,
  MlaCase,
  type MlaCaseOptions,
  noMlaKernels,
} from "../../support/mla-case.js";
import { rowErrors } from "../../support/reference.js";
import { testsAll } from "../../support/tests-all.js";

const OPTIONS = { blockSize: 16, dtype: "bfloat16", seed: 9 } as const;

describe.skipIf(onGpu)("latent attention of DeepSeek's dimensions", () => {
  const device = Device.open({ emulate: "gfx942", computeUnits: 8 });
  afterAll(() => device.close());

  async function run(options: MlaCaseOptions): Promise<Float32Array> {
    await using one = await MlaCase.create(device, options);
    const { output } = await one.run();
    const errors = one.errors(output);
    expect(isMlaAccurate(errors, options), JSON.stringify(errors)).toBe(true);
    return output;
  }

  it.skipIf(noMlaKernels("ROCM_AITER_MLA"))(
    "is the same of both backends, decoded and prefilled",
    async () => {
      const decoded = { ...OPTIONS, numHeads: 16, lengths: [[60, 8]] } as const;
      // One more new token behind them makes the same eight part of a prefill.
      const prefilled = { ...decoded, lengths: [[60, 9]] } as const;
      const results: Float64Array[] = [];
      for (const backend of MLA_BACKENDS) {
        for (const options of [decoded, prefilled]) {
          const output = await run({ ...options, backend });
          results.push(Float64Array.from(output.subarray(0, 8 * 16 * 128)));
        }
      }
      for (const [index, result] of results.entries()) {
        for (const other of results.slice(index + 1)) {
          const { rms } = rowErrors(result, other, 128);
          expect(rms).toBeLessThan(1.2e-2);
        }
      }
    },
  );

  for (const backend of MLA_BACKENDS) {
    describe.skipIf(noMlaKernels(backend))(`over 8 K of context, ${backend}`, () => {
      it.for([16, 128])("with %i heads", { timeout: 600_000 }, async (numHeads, { skip }) => {
        if (!testsAll) skip("npm run test:all attends to as long a context");
        const lengths = [[8191, 1]] as const;
        await run({
          ...OPTIONS,
          blockSize: 64,
          numHeads,
          lengths,
          backend,
          compared: [0, numHeads / 2, numHeads - 1],
        });
      });
    });
  }
});
