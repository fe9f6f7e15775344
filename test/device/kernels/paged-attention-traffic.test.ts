import { afterAll, afterEach, describe, expect, it } from "vitest";
import { Device } from "../../../lib/device/device.js";
import { setEmulatorOption, takeLaunchCounters } from "../../../lib/device/emulator.js";
import { itemSize } from "../../../lib/dtype.js";
import type { LayoutName } from "../../../lib/kv-cache/layouts.js";
import { onGpu } from "../../support/device.js";
import { noHipKernels } from "../../support/hip-kernels.js";
import { type DecodeOptions, pagedDecode } from "../../support/paged-decode.js";

const LINE = 128;
const WAVES = 4;
const SCALES = { kScale: 0.02, vScale: 0.03, as: "number" } as const;

describe.skipIf(onGpu || noHipKernels)("paged_attention", () => {
  // Four XCDs.
  const device = Device.open({ emulate: "gfx942", computeUnits: 80 });
  afterAll(() => device.close());
  afterEach(() => setEmulatorOption("COUNTERS", "off"));

  async function counted(options: DecodeOptions) {
    setEmulatorOption("COUNTERS", "full");
    takeLaunchCounters(device);
    await pagedDecode(device, options);
    const launches = takeLaunchCounters(device);
    return launches.find(({ kernel }) => kernel === "paged_attention")!;
  }

  it.each<[LayoutName, number, DecodeOptions["scales"]]>([
    ["split", 128, undefined],
    ["split", 96, SCALES],
    ["shuffled", 128, SCALES],
    ["halves", 64, undefined],
    ["halves", 256, SCALES],
  ])(
    "reads the keys and values of %s with heads of %i once, and nothing beside them",
    async (layout, headSize, scales) => {
      // 8 segments of 256 keys, one a compute unit.
      const shape = { numHeads: 8, numKvHeads: 1, headSize, blockSize: 64 };
      const { memory, grid, clocks } = await counted({
        ...{ shape, layout, scales, dtype: "bfloat16", lengths: [[2047, 1]], seed: 5 },
        computeUnits: 8,
      });
      const least = 2 * 2048 * headSize * (scales === undefined ? itemSize("bfloat16") : 1);
      const queries = grid[0] * WAVES * 16 * headSize * itemSize("bfloat16");
      expect(grid[0]).toBe(8);
      // Elements of a key in fp8 that fill no chunk are read again, from the same lines.
      const again = headSize % 64 === 0 || scales === undefined ? 1 : 1.25;
      expect(memory!.bytesRead - queries).toBeLessThanOrEqual(1.02 * again * least);
      expect(LINE * memory!.linesRead).toBeLessThanOrEqual(1.02 * least + 2 * 8 * 2 * headSize + 8 * LINE);
      const busy = clocks.vector + clocks.transcendental + clocks.matrix;
      expect(memory!.ldsConflictClocks).toBeLessThan(0.05 * busy);
    },
  );

  it("brings keys and values that several workgroups read to one XCD alone", async () => {
    // 160 rows are 5 tiles, which 16 segments make 80 workgroups.
    const shape = { numHeads: 20, numKvHeads: 1, headSize: 128, blockSize: 16 };
    const { memory, grid } = await counted({ shape, dtype: "bfloat16", lengths: [[2040, 8]], seed: 5 });
    expect(grid[0]).toBe(80);
    const touched = memory!.linesByXcd.reduce((sum, lines) => sum + lines);
    expect(memory!.linesByXcd.length).toBe(4);
    expect(touched).toBeLessThan(1.15 * (memory!.linesRead + memory!.linesWritten));
  });
});
