import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../../scripts/setup/paths.mjs";
import { onGpu } from "../support/device.js";

/** `npm run test:gpu` with these tests, where this library is HIP. */
function testGpu(tests: string[], variables: NodeJS.ProcessEnv) {
  return spawnSync(process.execPath, [join(root, "scripts", "test-gpu.mjs"), ...tests], {
    encoding: "utf8",
    env: { ...process.env, ...variables },
    timeout: 100_000,
  });
}

const EMULATOR = join(root, "build", "Release", "librocm_emulator.so");
const POSING = { ROCM_EMULATOR_ARCH: "gfx942", ROCM_EMULATOR_COMPUTE_UNITS: "8" };

describe.skipIf(onGpu)("npm run test:gpu", () => {
  it("says at once why there is no GPU to test on, and what to type", () => {
    const { status, stderr } = testGpu([], { ROCM_ATTENTION_HIP_LIBRARY: "/nowhere/libamdhip64.so" });
    expect(status).toBe(1);
    expect(stderr).toContain(
      "There is no GPU to test on: the HIP library that is named is none.\nNext: unset ROCM_ATTENTION_HIP_LIBRARY",
    );
  });

  it("rehearsed on the emulator as HIP, records what matched float64, which is refused as no GPU's", () => {
    const variables = { ROCM_ATTENTION_HIP_LIBRARY: EMULATOR, ...POSING };
    const { status, stdout } = testGpu(["test/device/attention/rocm-attn.test.ts"], variables);
    expect(stdout).toMatch(/\n[1-9]\d* passed, 0 failed\n$/);
    expect(status).toBe(0);
    const folder = join(root, "build", "gpu");
    expect(readFileSync(join(folder, "junit.xml"), "utf8")).toMatch(/<testsuites [^>]*failures="0"/);

    const record = JSON.parse(readFileSync(join(folder, "record.json"), "utf8"));
    expect(record).toMatchObject({
      date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
      device: { arch: "gfx942", emulated: true, computeUnits: 8 },
      hip: { path: EMULATOR },
    });
    const manifest = JSON.parse(readFileSync(join(root, "build/kernels/gfx942/manifest.json"), "utf8"));
    const built = new Map<string, string>(manifest.kernels.map(({ id, sha256 }: never) => [id, sha256]));
    const kernels = record.kernels as { id: string; sha256: string }[];
    const providers = new Set(kernels.map(({ id }) => id.split(".")[0]));
    expect([...providers].sort()).toEqual(["hip", "triton"]);
    for (const { id, sha256 } of kernels) expect(sha256).toBe(built.get(id));

    const accepted = spawnSync(join(root, "kernels", "build"), ["--verified", join(folder, "record.json")]);
    expect(accepted.status).toBe(1);
    expect(`${accepted.stderr}`).toContain("the record is of an emulated device");
  });
});
