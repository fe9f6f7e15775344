import { afterAll, describe, expect, it } from "vitest";
import { modelLaunch } from "../../../lib/catalog/performance-model.js";
import { setEmulatorOption, takeLaunchCounters } from "../../../lib/device/emulator.js";
import { Device } from "../../../lib/index.js";
import { onGpu } from "../../support/device.js";
import { isMlaAccurate, MlaCase, type MlaCaseOptions } from "../../support/mla-case.js";

describe.skipIf(onGpu)("memory that TRITON_MLA's decode reads", () => {
  const device = Device.open({ emulate: "gfx942", computeUnits: 152 });
  afterAll(() => device.close());

  /** Runs a case and holds it against float64. Returns it and the counts of its launches by their kernels' names. */
  async function count(options: MlaCaseOptions) {
    const one = await MlaCase.create(device, options);
    takeLaunchCounters(device);
    setEmulatorOption("COUNTERS", "full");
    const { output } = await one.run().finally(() => setEmulatorOption("COUNTERS", "off"));
    const errors = one.errors(output);
    expect(isMlaAccurate(errors, options), JSON.stringify(errors)).toBe(true);
    const launches = takeLaunchCounters(device);
    return { one, launchOf: (name: string) => launches.find(({ kernel }) => kernel === name)! };
  }

  it("is each live latent once, on one of 4 XCDs for both tiles of most of 5 sequences", async () => {
    const [sequences, keys, numHeads] = [5, 47, 65];
    const lengths = Array.from({ length: sequences }, () => [keys - 1, 1] as const);
    const options: MlaCaseOptions = {
      numHeads,
      blockSize: 16,
      dtype: "bfloat16",
      lengths,
      seed: 7,
      compared: [0, 64],
    };
    const made = await count(options);
    await using one = made.one;
    const decode = made.launchOf("mla_decode");
    const { memory } = decode;
    const cache = one.cache.memory(0).pointer;
    const ofCache = memory!.allocations.find(({ address }) => BigInt(address) === cache)!;
    expect(ofCache.linesRead).toBe((sequences * keys * 576 * 2) / 128);
    expect(ofCache.linesReadByXcds).toBeLessThanOrEqual(ofCache.linesRead / sequences);
    // A latent serves as key and as value. Beside them and 64 rows of queries a workgroup loads a tile of 32 keys that is none.
    const rows = 2 * (Math.ceil(keys / 32) + 1) * 32 + 65;
    expect(memory!.bytesRead).toBeLessThan(sequences * rows * 576 * 2 + 4096);
    const { l1, matrix } = modelLaunch(decode, device.info).microseconds;
    expect(l1).toBeLessThan(matrix);
  });

  it("is each line of W_UK and W_UV once for few tokens, by at least 256 workgroups", async () => {
    const numHeads = 16;
    const options: MlaCaseOptions = {
      numHeads,
      blockSize: 16,
      dtype: "bfloat16",
      lengths: [[5, 8]],
      seed: 8,
    };
    const made = await count(options);
    await using _ = made.one;
    const half = numHeads * 128 * 512 * 2;
    for (const name of ["mla_query_product", "mla_value_product"]) {
      const { memory, grid } = made.launchOf(name);
      expect(grid[0] * grid[1] * grid[2]).toBeGreaterThanOrEqual(256);
      const ofWeights = memory!.allocations.find(({ bytes }) => bytes === 2 * half)!;
      expect(128 * ofWeights.linesRead).toBe(half);
    }
  });
});
