import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, expect, it, vi } from "vitest";
import { openDevice } from "../../../lib/cli/demo/open-device.js";
import type { Check } from "../../../lib/cli/doctor/checks.js";
import type { Driver } from "../../../lib/cli/doctor/driver.js";
import { findGpu } from "../../../lib/cli/gpu.js";
import { runCommand } from "../../../lib/cli/program.js";
import { Device, type DeviceInfo } from "../../../lib/index.js";

// A machine with a GPU, no HIP runtime and kernels of an older version, whatever this one has.

const folder = mkdtempSync(join(tmpdir(), "surroundings-"));
afterAll(() => rmSync(folder, { recursive: true }));

const driver = vi.hoisted(
  (): Driver => ({ targets: ["gfx942"], files: [], hasKfd: true, hasRenderNode: true, inContainer: false }),
);

vi.mock("../../../lib/cli/doctor/driver.js", async (original) => ({
  ...(await original<typeof import("../../../lib/cli/doctor/driver.js")>()),
  readDriver: () => driver,
}));

vi.mock("../../../lib/kernels/sources.js", async (original) => ({
  ...(await original<typeof import("../../../lib/kernels/sources.js")>()),
  kernelSources: (target: string) => [{ target, path: join(folder, target), source: "build" }],
}));

beforeEach(() => {
  vi.stubEnv("ROCM_ATTENTION_HIP_LIBRARY", "/nowhere/libamdhip64.so");
  vi.stubEnv("ROCM_ATTENTION_DEVICE", undefined);
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

it("a GPU that HIP does not load for is none, with the reason", () => {
  const trouble = { text: "the HIP library that is named is none", next: "unset ROCM_ATTENTION_HIP_LIBRARY" };
  expect(findGpu()).toEqual({ gpu: null, trouble });
  expect(findGpu({ ...driver, targets: ["gfx1100"] })).toEqual({ gpu: null, trouble: null });
});

it("a GPU without kernels is none, and that is said where one is required", () => {
  vi.spyOn(Device, "list").mockReturnValue([{ arch: "gfx1100" } as DeviceInfo]);
  const graphics = { ...driver, targets: ["gfx1100"] };
  expect(findGpu(graphics)).toEqual({ gpu: null, trouble: null });
  const { gpu, trouble } = findGpu(graphics, { required: true });
  expect(gpu).toBeNull();
  expect(trouble?.text).toBe("there are kernels for gfx90a, gfx942, gfx950, and HIP lists gfx1100");
});

it("the demo says that, and goes on with an emulated one", async () => {
  const say = vi.spyOn(console, "error").mockImplementation(() => {});
  const device = openDevice();
  expect(device.info).toMatchObject({ emulated: true, arch: "gfx942" });
  expect(say.mock.calls.flat().join()).toMatch(
    /^The GPU is not used: the HIP library .* Next: unset \w+\nAn emulated one/,
  );
  await device.close();
});

it("the doctor finds kernels of another version, and asks for this one's", async () => {
  const built = new URL("../../../build/kernels/gfx942/manifest.json", import.meta.url);
  cpSync(new URL(".", built), join(folder, "gfx942"), { recursive: true });
  const manifest = { ...JSON.parse(readFileSync(built, "utf8")), contract: 1 };
  writeFileSync(join(folder, "gfx942", "manifest.json"), JSON.stringify(manifest));
  vi.stubEnv("ROCM_ATTENTION_DEVICE", "emulator:gfx942");
  const print = vi.spyOn(console, "log").mockImplementation(() => {});
  await runCommand(["doctor", "--json"]);
  const { works, checks }: { works: boolean; checks: Check[] } = JSON.parse(print.mock.calls.flat().join());
  expect(works).toBe(false);
  expect(checks.find(({ title }) => title === "kernels gfx942")).toEqual({
    title: "kernels gfx942",
    state: "warning",
    text: "none of this version",
    details: [expect.stringMatching(/has kernels of contract 1, this version launches those of \d/)],
    next: "kernels/build --target gfx942",
  });
  expect(checks.find(({ title }) => title === "attention")).toMatchObject({
    state: "problem",
    next: "kernels/build --target gfx942",
  });
});
