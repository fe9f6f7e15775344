import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { setEmulatorOption } from "../../../lib/device/emulator.js";
import { Device } from "../../../lib/index.js";
import { onGpu } from "../../support/device.js";
import { MLA_BACKENDS, MlaCase, type MlaCaseOptions, noMlaKernels } from "../../support/mla-case.js";
import type { Lengths } from "../../support/reference.js";

/** Between them these launch every kernel: decodes in small and in large tiles, and prefills in chunks. */
const LENGTHS: Lengths = [
  [270, 1],
  [30, 20],
  [0, 1],
  [15, 7],
];
const FP8 = { kScale: { value: 0.03, as: "number" } } as const;
/** Of each backend what to run; `early`: with objects that are right where loads take effect at once (their row says so). */
const KINDS: Record<
  string,
  (Pick<MlaCaseOptions, "numHeads" | "dtype" | "kScale" | "qScale" | "lengths"> & { early?: true })[]
> = {
  TRITON_MLA: [
    { numHeads: 3, dtype: "bfloat16", lengths: LENGTHS },
    { numHeads: 1, dtype: "float16", lengths: LENGTHS, ...FP8 },
  ],
  ROCM_AITER_MLA: [
    {
      numHeads: 3,
      dtype: "bfloat16",
      lengths: LENGTHS.map(([context, tokens]) => [context, tokens > 8 ? tokens : 1]),
    },
    { numHeads: 3, dtype: "bfloat16", lengths: LENGTHS, early: true },
    {
      numHeads: 3,
      dtype: "bfloat16",
      lengths: [
        [270, 4],
        [15, 2],
      ],
      early: true,
    },
    { numHeads: 1, dtype: "bfloat16", lengths: LENGTHS, ...FP8, early: true },
    { numHeads: 128, dtype: "bfloat16", lengths: [[40, 1]], ...FP8, qScale: FP8.kScale, early: true },
  ],
};

for (const backend of MLA_BACKENDS)
  describe.skipIf(onGpu || noMlaKernels(backend))(`the same bits of ${backend} come`, () => {
    const device = Device.open({ emulate: "gfx942", computeUnits: 8 });
    const cases: MlaCase[] = [];
    const expected: Uint16Array[] = [];
    beforeAll(async () => {
      for (const kind of KINDS[backend]!) {
        const config = { maxChunkTokens: 256 };
        cases.push(
          await MlaCase.create(device, {
            ...kind,
            backend,
            config,
            blockSize: 24,
            seed: 3,
            compared: [0],
          }),
        );
        expected.push((await cases.at(-1)!.run()).bits);
      }
    });
    afterEach(() => {
      for (const [name, value] of [
        ["SCHEDULE", "barrier"],
        ["DELIVERY", "early"],
        ["THREADS", "0"],
      ] as const) {
        setEmulatorOption(name, value);
      }
    });
    afterAll(() => device.close());

    it.each([
      { SCHEDULE: "turn" },
      { SCHEDULE: "reverse" },
      { SCHEDULE: "seed:1" },
      { DELIVERY: "late" },
      { THREADS: "5" },
      { DELIVERY: "late", SCHEDULE: "seed:3" },
    ])("with %j", async (options) => {
      for (const [name, value] of Object.entries(options)) setEmulatorOption(name, value!);
      for (const [i, one] of cases.entries()) {
        if (KINDS[backend]![i]!.early && "DELIVERY" in options) continue;
        expect((await one.run()).bits).toEqual(expected[i]);
      }
    });
  });
