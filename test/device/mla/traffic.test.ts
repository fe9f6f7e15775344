import { afterAll, describe, expect, it } from "vitest";
import { setEmulatorOption, takeLaunchCounters } from "../../../lib/device/emulator.js";
import { Device } from "../../../lib/index.js";
import { onGpu } from "../../support/device.js";
import { isMlaAccurate, MlaCase, type MlaCaseOptions } from "../../support/mla-case.js";

describe.skipIf(onGpu)("memory that TRITON_MLA's decode reads", () => {
  const device = Device.open({ emulate: "gfx942", computeUnits: 152 });
  afterAll(() => device.close());

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
    await using one = await MlaCase.create(device, options);
    takeLaunchCounters(device);
    setEmulatorOption("COUNTERS", "full");
    const { output } = await one.run().finally(() => setEmulatorOption("COUNTERS", "off"));
    const errors = one.errors(output);
    expect(isMlaAccurate(errors, options), JSON.stringify(errors)).toBe(true);
    const { memory } = takeLaunchCounters(device).find(({ kernel }) => kernel === "mla_decode")!;
    const cache = one.cache.memory(0).pointer;
    const ofCache = memory!.allocations.find(({ address }) => BigInt(address) === cache)!;
    expect(ofCache.linesRead).toBe((sequences * keys * 576 * 2) / 128);
    expect(ofCache.linesReadByXcds).toBeLessThanOrEqual(ofCache.linesRead / sequences);
    // A latent serves as key and as value. Beside them and 64 rows of queries a workgroup loads a tile of 32 keys that is none.
    const rows = 2 * (Math.ceil(keys / 32) + 1) * 32 + 65;
    expect(memory!.bytesRead).toBeLessThan(sequences * rows * 576 * 2 + 4096);
  });
});
