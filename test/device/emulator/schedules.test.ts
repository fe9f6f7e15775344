import { afterEach, describe, expect, it } from "vitest";
import { compareSchedules, formatSchedules, isDifferent } from "../../../lib/cli/profile/schedules.js";
import { Laboratory, noAssembler, type Snippet } from "../../support/assemble.js";
import { onGpu, openTestDevice, setOptions } from "../../support/device.js";

// Four waves write their number to LDS, one dword each; wave 0 gives back what it finds there.
const exchange = (between: string, wait = "s_waitcnt lgkmcnt(0)"): Snippet => ({
  code: `v_mov_b32 v1, s2
v_mov_b32 v2, s2
v_lshlrev_b32 v2, 2, v2
ds_write_b32 v2, v1 offset:16
${wait}
${between}
v_and_b32 v3, 3, v0
v_lshlrev_b32 v3, 2, v3
ds_read_b32 v4, v3 offset:16
s_waitcnt lgkmcnt(0)`,
  inputs: 0,
  outputs: ["v4"],
  ldsBytes: 64,
  waves: 4,
});

afterEach(() => void setOptions({ SCHEDULE: "barrier", DELIVERY: "early", COUNTERS: "off" }));

describe.skipIf(onGpu || noAssembler)("launches under other schedules", () => {
  it("are told apart: the same, racing, and without a wait", async () => {
    await using device = openTestDevice();
    const laboratory = Laboratory.assemble(device, {
      intact: exchange("s_barrier"),
      racing: exchange("s_nop 0"),
      waitless: exchange("s_barrier", "s_nop 0"),
    });
    const compare = (...names: string[]) =>
      compareSchedules(device, "an exchange", async () => {
        for (const name of names) await laboratory.run(name, []);
      });
    const intact = await compare("intact");
    expect(intact.launches).toEqual([{ kernel: "intact", differs: [] }]);
    expect(isDifferent(intact)).toBe(false);
    expect(formatSchedules(intact)).toContain("intact: the same");

    const racing = await compare("intact", "racing", "waitless");
    expect(racing.launches.map(({ kernel }) => kernel)).toEqual(["intact", "racing", "waitless"]);
    const under = racing.launches.map(({ differs }) =>
      differs.map(({ schedule, delivery }) => `${schedule} ${delivery}`),
    );
    expect(under[0]).toEqual([]);
    expect(under[1]).toEqual(expect.arrayContaining(["turn early", "reverse early", "turn late"]));
    expect(isDifferent(racing)).toBe(true);
    expect(formatSchedules(racing)).toMatch(/racing: differs under turn early/);

    const waitless = await compare("waitless");
    const deliveries = waitless.launches[0]!.differs.map(({ delivery }) => delivery);
    expect(new Set(deliveries)).toEqual(new Set(["late"]));
  });
});
