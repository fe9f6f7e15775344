import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { StepShape } from "../../../lib/batch/step.js";
import { Device } from "../../../lib/index.js";
import { decodeOf, tritonDecode, tritonDecodeRows } from "../../support/aiter-triton-decode.js";
import { coded } from "../../support/coded.js";
import { onGpu } from "../../support/device.js";
import { operationConfig } from "../../support/hip-kernels.js";
import { isAccurate } from "../../support/reference.js";
import { noTestKernels } from "../../support/test-kernels.js";
import { testsAll } from "../../support/tests-all.js";
import { underSchedule, waveSchedules } from "../../support/wave-schedules.js";

/** Lengths on and next to the edges of blocks, and of partitions where a step has some. */
const short = fc.constantFrom(1, 2, 15, 16, 17, 63, 64, 65, 128, 129, 255, 256, 257, 600, 1023, 1024);
const long = fc.constantFrom(1025, 1040, 1500, 2047, 2048, 2049);
const scales = { kScale: 1 / 64, vScale: 0.03 };
const KINDS = [
  { dtype: "bfloat16", headSize: 128 },
  { dtype: "float16", headSize: 128 },
  { dtype: "bfloat16", headSize: 64 },
  { dtype: "bfloat16", headSize: 128, scales },
  { dtype: "bfloat16", headSize: 128, features: { alibi: true } },
] as const;

describe.skipIf(noTestKernels || onGpu)("AITER's paged decode in Triton", () => {
  const device = Device.open({ emulate: "gfx942", computeUnits: 8 });
  afterAll(() => device.close());

  it.each(KINDS)("is that of float64, whole and in partitions: %j", async ({ headSize, ...kind }) => {
    const drawn = fc.record({
      keys: fc.oneof(
        fc.array(short, { minLength: 1, maxLength: 4 }),
        fc.tuple(long, short).map((lengths) => [...lengths]),
      ),
      group: fc.constantFrom(2, 3, 5, 8, 16),
      numKvHeads: fc.constantFrom(1, 2, 3),
      layout: fc.constantFrom("halves" as const, "paired" as const),
      seed: fc.nat(2 ** 31),
      peak: fc.constantFrom(1, 1, 4),
      schedule: waveSchedules,
    });
    const property = fc.asyncProperty(drawn, async ({ group, numKvHeads, schedule, ...rest }) => {
      const shape = { numHeads: numKvHeads * group, numKvHeads, headSize, blockSize: 16 };
      const run = () => tritonDecode(device, { ...kind, ...rest, shape });
      const { errors, partitions } = await underSchedule(schedule, run);
      expect(partitions).toBe(
        Math.max(...rest.keys) > 1024 ? Math.ceil(Math.max(...rest.keys) / 1024) : null,
      );
      // AITER rounds the scaled query, the weights before they are summed up, and the results of partitions.
      const times = rest.peak === 1 ? 2 : 4;
      expect(isAccurate(errors, kind.dtype, times), `${errors.rms}, ${errors.max}`).toBe(true);
    });
    await fc.assert(property, { numRuns: testsAll ? 30 : 3 });
  });

  it.each([
    [2, 1],
    [8, 4],
    [32, 9],
  ])("merges up to %j partitions", async (_, partitions) => {
    const shape = { numHeads: 4, numKvHeads: 1, headSize: 64, blockSize: 16 };
    const keys = [1024 * partitions + 7];
    const options = { shape, dtype: "bfloat16", keys, layout: "halves", seed: 4 } as const;
    const result = await tritonDecode(device, options);
    expect(result.partitions).toBe(partitions + 1);
    expect(isAccurate(result.errors, "bfloat16", 2)).toBe(true);
  });

  it.each([
    ["a key less", 599],
    ["a block less", 592],
    ["a key more", 601],
  ])("is wrong with %s", async (_, mistake) => {
    const shape = { numHeads: 8, numKvHeads: 1, headSize: 128, blockSize: 16 };
    const keys = [600, 640];
    const options = { shape, dtype: "bfloat16", keys, layout: "halves", seed: 4, mistake } as const;
    const { errors } = await tritonDecode(device, options);
    expect(isAccurate(errors, "bfloat16", 2)).toBe(false);
  });

  it("refuses what it does not serve", () => {
    const shape = { numHeads: 8, numKvHeads: 1, headSize: 128, blockSize: 16 };
    const decode = decodeOf(device, operationConfig(shape, "bfloat16"), "auto", false);
    const step = { sequences: 2, tokens: 2, maxQueryLen: 1, maxSeqLen: 32_768, decodes: 2 } as StepShape;
    expect(decode.plan(step)).toEqual({ sequences: 2, partitions: 32 });
    const refuses = (changes: Partial<StepShape>, text: string) =>
      expect(() => decode.plan({ ...step, ...changes })).toThrow(
        coded("ERR_INVALID_ARGUMENT", text, "batch"),
      );
    refuses({ decodes: 1 }, "one query token for each sequence");
    refuses({ maxSeqLen: 32_769 }, "at most 32768 keys");
  });
});

describe.skipIf(noTestKernels || onGpu).each(["gfx950", "gfx90a"] as const)(
  "AITER's paged decode in Triton on %s",
  (arch) => {
    const device = Device.open({ emulate: arch, computeUnits: 8 });
    afterAll(() => device.close());

    it("is that of float64", async () => {
      expect(tritonDecodeRows(arch)).toHaveLength(3);
      const shape = { numHeads: 10, numKvHeads: 2, headSize: 128, blockSize: 16 };
      for (const keys of [
        [17, 256, 1],
        [1200, 31],
      ]) {
        const options = { shape, dtype: "bfloat16", keys, layout: "halves", seed: 9 } as const;
        const { errors } = await tritonDecode(device, options);
        expect(isAccurate(errors, "bfloat16", 2)).toBe(true);
      }
    });
  },
);
