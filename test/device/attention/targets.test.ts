import { afterAll, describe, expect, it } from "vitest";
import { Device } from "../../../lib/index.js";
import { BACKENDS } from "../../support/backends.js";
import { PagedCase } from "../../support/paged-case.js";
import { isAccurate, type Lengths } from "../../support/reference.js";

/** Decode (split and not), prefill and both at once, over the edges of tiles, blocks and segments. */
const STEPS: Lengths[] = [
  [[300, 1]],
  [
    [15, 1],
    [16, 1],
    [0, 1],
  ],
  [[0, 65]],
  [
    [129, 1],
    [40, 24],
    [31, 2],
  ],
];

const CASES = (["gfx90a", "gfx950"] as const).flatMap((arch) =>
  BACKENDS.map((under) => [arch, under] as const),
);

describe.each(CASES)("%s, $1.backend", (arch, under) => {
  const device = Device.open({ emulate: arch, computeUnits: 8 });
  afterAll(() => device.close());

  it.each([
    [2, 2],
    [8, 2],
    [5, 1],
  ])("attends with %i heads on %i KV heads", async (numHeads, numKvHeads) => {
    const shape = { numHeads, numKvHeads, headSize: 128, blockSize: 16 };
    for (const [seed, lengths] of STEPS.entries()) {
      await using paged = await PagedCase.create(device, {
        shape,
        dtype: "bfloat16",
        lengths,
        seed,
        peak: 2,
        under,
      });
      const { output, lse } = await paged.run();
      const errors = paged.errors(output);
      expect(isAccurate(errors, "bfloat16"), JSON.stringify({ lengths, errors })).toBe(true);
      expect(paged.lseError(lse)).toBeLessThan(5e-3);
    }
  });
});
