import { afterAll, describe, expect, it } from "vitest";
import { setEmulatorOption, takeLaunchCounters } from "../../../lib/device/emulator.js";
import { Device } from "../../../lib/index.js";
import { onGpu } from "../../support/device.js";
import { PagedCase } from "../../support/paged-case.js";
import { isAccurate, type Lengths } from "../../support/reference.js";

/** Runs attention and holds it against float64; counts the launch of a kernel. */
async function count(device: Device, kernel: string, heads: Heads, lengths: Lengths) {
  const shape = { ...heads, headSize: 128, blockSize: 16 };
  await using paged = await PagedCase.create(device, {
    ...{ shape, dtype: "bfloat16", lengths, seed: heads.numHeads },
  });
  takeLaunchCounters(device);
  setEmulatorOption("COUNTERS", "full");
  const { output } = await paged.run().finally(() => setEmulatorOption("COUNTERS", "off"));
  const errors = paged.errors(output);
  expect(isAccurate(errors, "bfloat16"), JSON.stringify(errors)).toBe(true);
  const { memory, grid } = takeLaunchCounters(device).find((launch) => launch.kernel === kernel)!;
  const cache = paged.cache.memory(0).pointer;
  const ofCache = memory!.allocations.find(({ address }) => BigInt(address) === cache)!;
  return { memory: memory!, grid, ofCache };
}

interface Heads {
  readonly numHeads: number;
  readonly numKvHeads: number;
}

describe.skipIf(onGpu)("memory that attention reads", () => {
  const device = Device.open({ emulate: "gfx942", computeUnits: 152 });
  afterAll(() => device.close());

  it.each([1, 7, 16])(
    "in a decode of %i query heads for each KV head is each live key and value, once",
    async (group) => {
      const keys = 1500;
      const heads = { numHeads: group, numKvHeads: 1 };
      const { memory, grid, ofCache } = await count(device, "unified_attention_3d", heads, [[keys - 1, 1]]);
      const live = keys * 2 * 128 * 2;
      expect(ofCache.linesRead).toBe(live / 128);
      expect(ofCache.linesReadShared).toBe(0);
      // Beside that each segment reads its queries.
      expect(memory.bytesRead).toBeGreaterThanOrEqual(live);
      expect(memory.bytesRead).toBeLessThan(live + grid[2] * group * 128 * 2 + 4096);
    },
  );

  it("goes to one of 4 XCDs for most of 6 KV heads, and all XCDs have as much", async () => {
    const heads = { numHeads: 6, numKvHeads: 6 };
    const { memory, ofCache } = await count(device, "unified_attention_2d", heads, [[0, 200]]);
    expect(ofCache.linesReadByXcds).toBeLessThan(0.4 * ofCache.linesRead);
    expect(Math.min(...memory.linesByXcd)).toBeGreaterThan(0.4 * Math.max(...memory.linesByXcd));
  });
});

describe.skipIf(onGpu)("workgroups that are dealt to XCDs", () => {
  it.each([304, 228])("do all of the work once, on %i compute units", async (computeUnits) => {
    await using device = Device.open({ emulate: "gfx942", computeUnits });
    for (const numKvHeads of [4, 5, 9]) {
      const shape = { numHeads: 20 * numKvHeads, numKvHeads, headSize: 64, blockSize: 16 };
      const lengths: Lengths = [
        [280, 1],
        [10, 20],
        [300, 1],
      ];
      await using paged = await PagedCase.create(device, { shape, dtype: "bfloat16", lengths, seed: 1 });
      const errors = paged.errors((await paged.run()).output);
      expect(isAccurate(errors, "bfloat16"), JSON.stringify(errors)).toBe(true);
    }
  });
});
