import { afterAll, afterEach, describe, expect, it } from "vitest";
import { setEmulatorOption, takeLaunchCounters } from "../../../lib/device/emulator.js";
import {
  type AttentionConfig,
  Device,
  EMULATED_ARCHS,
  flex,
  type MaskMod,
  type ScoreMod,
} from "../../../lib/index.js";
import { onGpu } from "../../support/device.js";
import { withReference } from "../../support/flex-device.js";
import { noHipKernels } from "../../support/hip-kernels.js";
import { PagedCase } from "../../support/paged-case.js";
import { isAccurate, type Lengths } from "../../support/reference.js";

const under = { backend: "FLEX_ATTENTION", layout: "halves" } as const;
const shape = { numHeads: 4, numKvHeads: 2, headSize: 128, blockSize: 16 };
const skipped = onGpu || noHipKernels !== null;

/** A window that the kernels do not know as one. */
const windowOf =
  (size: number): MaskMod =>
  ({ query, key }) =>
    query.sub(key).lt(size).and(key.le(query));
const warped: ScoreMod = (score, { query, key }) => score.tanh().mul(3).sub(query.sub(key).rem(7).mul(0.25));

function caseOf(device: Device, functions: Pick<AttentionConfig, "scoreMod" | "maskMod">, lengths: Lengths) {
  const reference = withReference(functions, new Map());
  return PagedCase.create(device, {
    shape,
    dtype: "bfloat16",
    lengths,
    seed: 3,
    under,
    functions: reference,
  });
}

describe.skipIf(skipped).each(EMULATED_ARCHS)("programs on %s", (arch) => {
  const device = Device.open({ emulate: arch, computeUnits: 8 });
  afterAll(() => device.close());

  it.each([
    ["are interpreted", { maskMod: windowOf(40), scoreMod: warped }],
    [
      "run as options where they are the same",
      { maskMod: flex.slidingWindow(40), scoreMod: flex.softCap(3) },
    ],
  ])("%s", async (_, functions) => {
    await using paged = await caseOf(device, functions, [
      [80, 20],
      [100, 1],
    ]);
    const { output } = await paged.run();
    expect(paged.errors(output)).toSatisfy((errors) => isAccurate(errors, "bfloat16"));
  });
});

describe.skipIf(skipped)("the blocks of a mask", () => {
  const device = Device.open({ emulate: "gfx942", computeUnits: 8 });
  afterAll(() => device.close());

  /** Products of matrices that a call makes, which visits a block for a fixed number of them. */
  async function products(maskMod: MaskMod, lengths: Lengths): Promise<number> {
    await using paged = await caseOf(device, { maskMod }, lengths);
    setEmulatorOption("COUNTERS", "basic");
    await paged.run();
    setEmulatorOption("COUNTERS", "off");
    const counters = takeLaunchCounters(device).filter(({ kernel }) => kernel === "flex_attention");
    expect(counters).toHaveLength(1);
    return counters[0]!.instructions.matrix;
  }

  it("that are empty cost nothing: a window of 512 over 8 K", async () => {
    const lengths: Lengths = [[8192 - 32, 32]];
    const [window, all] = [await products(windowOf(512), lengths), await products(() => true, lengths)];
    expect(window).toBeLessThanOrEqual(all / 8);
    expect(window).toBeGreaterThan(all / 20);
  }, 300_000);
});

describe.skipIf(skipped)("the same bits of programs come", () => {
  const device = Device.open({ emulate: "gfx942", computeUnits: 8 });
  afterAll(() => device.close());
  afterEach(() => {
    setEmulatorOption("SCHEDULE", "barrier");
    setEmulatorOption("DELIVERY", "early");
  });

  it("under every schedule and late delivery", async () => {
    const lengths: Lengths = [
      [70, 33],
      [100, 1],
    ];
    await using paged = await caseOf(device, { maskMod: windowOf(60), scoreMod: warped }, lengths);
    const expected = (await paged.run()).bits;
    for (const schedule of ["turn", "turn:7", "reverse", "seed:1"]) {
      setEmulatorOption("SCHEDULE", schedule);
      expect((await paged.run()).bits).toEqual(expected);
    }
    setEmulatorOption("DELIVERY", "late");
    expect((await paged.run()).bits).toEqual(expected);
  });
});
