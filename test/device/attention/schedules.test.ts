import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { setEmulatorOption } from "../../../lib/device/emulator.js";
import { Device } from "../../../lib/index.js";
import { BACKENDS, fitted, runs, TOKEN_SCALED, WITH_FP8_CACHE } from "../../support/backends.js";
import { onGpu } from "../../support/device.js";
import { type CaseOptions, PagedCase } from "../../support/paged-case.js";
import { isAccurate, type Lengths } from "../../support/reference.js";

/** Between them these launch every kernel: prefill in large tiles beside split decodes, and short sequences. */
const STEPS: Lengths[] = [
  [
    [400, 1],
    [70, 33],
    [0, 1],
  ],
  [
    [15, 2],
    [31, 1],
  ],
];
const SHAPE = { numHeads: 6, numKvHeads: 2, headSize: 128, blockSize: 32 };
const FEATURES = { slidingWindow: 300, logitsSoftCap: 20, alibi: true, sinks: true };
const SCALES = { kScale: 0.02, vScale: 0.02, as: "number" } as const;
/** The kinds of kernels, with as many waves and as much LDS as each has. */
const KINDS: Pick<CaseOptions, "shape" | "dtype" | "features" | "scales">[] = [
  { shape: SHAPE, dtype: "bfloat16" },
  { shape: SHAPE, dtype: "float16", features: FEATURES },
  { shape: SHAPE, dtype: "bfloat16", scales: SCALES },
  { shape: { ...SHAPE, headSize: 200 }, dtype: "bfloat16", features: FEATURES, scales: SCALES },
  { shape: { ...SHAPE, headSize: 256 }, dtype: "bfloat16" },
  { shape: { ...SHAPE, headSize: 72 }, dtype: "float32" },
];

describe.skipIf(onGpu).each([...BACKENDS, TOKEN_SCALED[0]!])("the same bits of $backend come", (under) => {
  const device = Device.open({ emulate: "gfx942", computeUnits: 8 });
  const cases: PagedCase[] = [];
  const expected: Uint16Array[] = [];
  beforeAll(async () => {
    const kinds = KINDS.filter(
      ({ scales, ...kind }) =>
        runs(under, fitted(under, kind), "gfx942") &&
        (scales === undefined || WITH_FP8_CACHE.includes(under)),
    );
    for (const kind of kinds) {
      for (const [seed, lengths] of STEPS.entries()) {
        cases.push(
          await PagedCase.create(device, {
            ...fitted(under, kind),
            lengths,
            seed,
            under,
          }),
        );
        expected.push((await cases.at(-1)!.run()).bits);
      }
    }
  });
  afterEach(() => {
    for (const [name, value] of [
      ["SCHEDULE", "barrier"],
      ["DELIVERY", "early"],
      ["THREADS", "0"],
      ["PRELOAD", "on"],
    ] as const) {
      setEmulatorOption(name, value);
    }
  });
  afterAll(() => device.close());

  it.each([
    ["SCHEDULE", "turn"],
    ["SCHEDULE", "turn:7"],
    ["SCHEDULE", "reverse"],
    ["SCHEDULE", "seed:1"],
    ["SCHEDULE", "seed:2"],
    ["DELIVERY", "late"],
    ["THREADS", "1"],
    ["THREADS", "5"],
    ["PRELOAD", "off"],
  ])("with %s=%s", async (name, value) => {
    setEmulatorOption(name, value);
    for (const [i, paged] of cases.entries()) expect((await paged.run()).bits).toEqual(expected[i]);
  });

  it("late and in any order at once", async () => {
    setEmulatorOption("DELIVERY", "late");
    setEmulatorOption("SCHEDULE", "seed:3");
    for (const [i, paged] of cases.entries()) expect((await paged.run()).bits).toEqual(expected[i]);
  });

  it("when a call attends to what an earlier one has written", async () => {
    for (const [i, paged] of cases.entries()) {
      await paged.run();
      expect((await paged.run({ attendOnly: true })).bits).toEqual(expected[i]);
    }
  });
});

describe.skipIf(onGpu)(
  "with other numbers of compute units, and so other splits, attention is accurate",
  () => {
    it.each([1, 80, 256, 304])("%i", async (computeUnits) => {
      await using device = Device.open({ emulate: "gfx942", computeUnits });
      for (const [seed, lengths] of STEPS.entries()) {
        await using paged = await PagedCase.create(device, { shape: SHAPE, dtype: "float16", lengths, seed });
        const errors = paged.errors((await paged.run()).output);
        expect(isAccurate(errors, "float16"), JSON.stringify(errors)).toBe(true);
      }
    });
  },
);
