import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { typescript } from "../../scripts/setup/typescript.mjs";
import { onGpu } from "../support/device.js";
import { runNode } from "../support/node.js";

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const EMULATOR = at("build/Release/librocm_emulator.so");
/** The compiler that has made the addon. */
const compiler = [process.env.CXX || "c++", "g++", "clang++"].find(
  (name) => spawnSync(name, ["--version"]).status === 0,
);
const folder = mkdtempSync(join(tmpdir(), "doctor-"));
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(async () => {
  if (!typescript.isDone()) await typescript.perform(() => {});
});

type Check = { title: string; state: string; text: string; details: string[] };

/** Types `rocm-attention doctor --json` in a process of its own, in which this library is HIP. */
function doctor(library: string, variables: NodeJS.ProcessEnv) {
  const env = { ...process.env, ROCM_ATTENTION_HIP_LIBRARY: library, ...variables };
  const { stdout, stderr, status } = runNode([at("dist/cli/main.js"), "doctor", "--json"], {
    env,
  });
  expect(stderr).toBe("");
  const { works, next, checks }: { works: boolean; next: string | null; checks: Check[] } =
    JSON.parse(stdout);
  expect(status).toBe(works ? 0 : 1);
  return {
    works,
    next,
    titles: checks.map(({ title }) => title),
    check: (name: string) => checks.find(({ title }) => title === name)!,
  };
}

const GPU = { ROCM_EMULATOR_ARCH: "gfx942", ROCM_EMULATOR_COMPUTE_UNITS: "8" };
const PARTS = ["addon", "HIP runtime", "driver", "devices", "kernels gfx942", "AITER", "variables"];

describe.skipIf(onGpu)("doctor", () => {
  it("tells of a GPU, and of the variables that change which GPUs there are", () => {
    const variables = { HIP_VISIBLE_DEVICES: "0", HSA_OVERRIDE_GFX_VERSION: "9.4.2" };
    const { works, titles, check } = doctor(EMULATOR, { ...GPU, ...variables });
    expect(works).toBe(true);
    expect(titles).toEqual(expect.arrayContaining([...PARTS, "emulator", "attention"]));
    expect(check("devices")).toMatchObject({
      state: "ok",
      text: expect.stringMatching(/^GPU 0: .*gfx942.* 8 compute units/),
      details: [
        "HIP_VISIBLE_DEVICES=0: HIP shows no other GPUs",
        "HSA_OVERRIDE_GFX_VERSION=9.4.2: GPUs pass for that target, whatever they are",
      ],
    });
  });

  it("warns where the emulator runs without the processor's vector instructions", () => {
    const { works, check } = doctor(EMULATOR, { ...GPU, ROCM_EMULATOR_CPU: "x86_64" });
    expect(works).toBe(true);
    expect(check("emulator")).toMatchObject({
      state: "warning",
      text: expect.stringContaining("thirty times as long"),
    });
  });

  it.each([
    ["hipGetDevicePropertiesR0600:every", /hipGetDevicePropertiesR0600 failed/],
    ["hipGetDeviceCount:every", /hipGetDeviceCount failed: hipErrorUnknown/],
  ])("gives its whole report with ROCM_EMULATOR_FAIL=%s", (failing, message) => {
    const { works, next, titles, check } = doctor(EMULATOR, { ...GPU, ROCM_EMULATOR_FAIL: failing });
    expect([works, next]).toEqual([false, "rocminfo"]);
    expect(titles).toEqual(expect.arrayContaining(PARTS));
    expect(check("devices").details[0]).toMatch(message);
  });

  it("still tries the emulator that is asked for where HIP fails to list GPUs", () => {
    const variables = {
      ROCM_EMULATOR_FAIL: "hipGetDeviceCount:every",
      ROCM_ATTENTION_DEVICE: "emulator:gfx942",
    };
    const { works, check } = doctor(EMULATOR, { ...GPU, ...variables });
    expect(works).toBe(true);
    expect(check("devices").state).toBe("warning");
  });

  it("knows an old driver", () => {
    const library = join(folder, "libold.so");
    const linked = ["-Wl,--no-as-needed", EMULATOR, `-Wl,-rpath,${dirname(EMULATOR)}`];
    execFileSync(compiler!, [
      "-shared",
      "-fPIC",
      at("test/support/old-driver.cpp"),
      ...linked,
      "-o",
      library,
    ]);
    const { next, check } = doctor(library, {});
    expect(check("HIP runtime").state).toBe("ok");
    expect(check("devices").details[0]).toMatch(
      /hipGetDeviceCount failed: hipErrorInsufficientDriver.*driver is too old/,
    );
    expect(next).toBe("sudo apt-get install amdgpu-dkms");
  });
});
