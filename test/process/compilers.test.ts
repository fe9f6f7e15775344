import { join } from "node:path";
import { expect, it } from "vitest";
import { ADDON, prebuilds, prebuiltFolder } from "../../scripts/setup/prebuilds.mjs";
import { onGpu } from "../support/device.js";
import { runProgram } from "../support/program.js";

it.skipIf(onGpu || !prebuilds.isDone())(
  "the emulator gives the same bits as this system's compiler and as zig have made it",
  async () => {
    const own = await runProgram("many-bits.mjs");
    const published = await runProgram("many-bits.mjs", {
      env: { ROCM_ATTENTION_ADDON: join(prebuiltFolder(), ADDON) },
    });
    expect(own).toMatchObject({ status: 0, stderr: "" });
    // 18 where the compiler and AITER's wheel are there, the first four everywhere.
    expect(own.stdout.match(/ [0-9a-f]{64}$/gm)?.length).toBeGreaterThanOrEqual(4);
    expect(published).toEqual(own);
  },
);
