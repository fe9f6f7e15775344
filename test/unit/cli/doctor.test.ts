import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { driverVariables, overriddenTargets, readDriver } from "../../../lib/cli/doctor/driver.js";
import { listingFailed, noneListed, USE_EMULATOR, withoutHip } from "../../../lib/cli/doctor/remedies.js";
import { RocmAttentionError } from "../../../lib/errors.js";

const folder = mkdtempSync(join(tmpdir(), "driver-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A root with these files, of which those in `closed` may not be opened. */
function driver(files: Record<string, string>, closed: readonly string[] = []) {
  const root = mkdtempSync(join(folder, "root-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return readDriver(root, (path) => !closed.some((name) => path.endsWith(name)));
}

const TOPOLOGY = {
  "sys/class/kfd/kfd/topology/nodes/0/properties": "cpu_cores_count 96\ngfx_target_version 0\n",
  "sys/class/kfd/kfd/topology/nodes/1/properties": "simd_count 1216\ngfx_target_version 90402\n",
  "sys/class/kfd/kfd/topology/nodes/10/properties": "simd_count 1024\ngfx_target_version 90500\n",
  "sys/class/kfd/kfd/topology/nodes/2/properties": "simd_count 440\ngfx_target_version 90010\n",
};
const FILES = {
  ...TOPOLOGY,
  "dev/kfd": "",
  "dev/dri/renderD128": "",
  "dev/dri/renderD129": "",
  "dev/dri/card0": "",
};

describe("the driver", () => {
  it("has the GPUs of its topology, and files that may be opened or not", () => {
    const { targets, files, inContainer } = driver(FILES, ["renderD129"]);
    expect(targets).toEqual(["gfx942", "gfx90a", "gfx950"]);
    expect(files.map(({ path, opens }) => [path.replace(/.*root-[^/]*/, ""), opens])).toEqual([
      ["/dev/kfd", true],
      ["/dev/dri/renderD128", true],
      ["/dev/dri/renderD129", false],
    ]);
    expect(inContainer).toBe(false);
  });

  it("has those GPUs whose nodes may be read, as in a container that has been given some", () => {
    const unreadable = "sys/class/kfd/kfd/topology/nodes/1/properties/that is a folder";
    const { "sys/class/kfd/kfd/topology/nodes/1/properties": _, ...others } = FILES;
    expect(driver({ ...others, [unreadable]: "" }).targets).toEqual(["gfx90a", "gfx950"]);
  });

  it("is absent where there is nothing", () => {
    expect(driver({})).toEqual({
      targets: [],
      files: [],
      hasKfd: false,
      hasRenderNode: false,
      inContainer: false,
    });
  });
});

describe("where HIP lists no GPU, the doctor names the reason and a command", () => {
  const { "dev/kfd": _, ...withoutKfd } = FILES;
  const docker = { ...FILES, ".dockerenv": "" };

  it.each<[string, ReturnType<typeof driver>, NodeJS.ProcessEnv, RegExp, RegExp]>([
    ["no driver", driver({}), {}, /no \/dev\/kfd: the amdgpu driver has no GPU/, /emulator:gfx942/],
    [
      "a container without GPUs",
      driver(TOPOLOGY),
      {},
      /has gfx942.* but there is no \/dev\/kfd and no .*renderD\*/,
      /docker run --device/,
    ],
    [
      "a container without /dev/kfd",
      driver(withoutKfd),
      {},
      /but there is no \/dev\/kfd here/,
      /docker run --device/,
    ],
    [
      "a closed render node",
      driver(FILES, ["renderD129"]),
      {},
      /renderD129 may not be opened/,
      /usermod -aG render,video/,
    ],
    ["a closed /dev/kfd", driver(FILES, ["dev/kfd"]), {}, /\/dev\/kfd may not be opened/, /usermod/],
    [
      "the same in a container",
      driver(docker, ["dev/kfd"]),
      {},
      /may not be opened/,
      /docker run .*--group-add render/,
    ],
    [
      "a variable",
      driver(FILES),
      { HIP_VISIBLE_DEVICES: "" },
      /HIP_VISIBLE_DEVICES may hide/,
      /^unset HIP_VISIBLE_DEVICES$/,
    ],
    [
      "two",
      driver(FILES),
      { HIP_VISIBLE_DEVICES: "9", ROCR_VISIBLE_DEVICES: "1" },
      /may hide/,
      /^unset HIP_VISIBLE_DEVICES ROCR_VISIBLE_DEVICES$/,
    ],
    [
      "another target's name",
      driver(FILES),
      { HSA_OVERRIDE_GFX_VERSION: "10.3.0" },
      /HSA_OVERRIDE_GFX_VERSION may hide/,
      /^unset HSA_OVERRIDE_GFX_VERSION$/,
    ],
    ["nothing to be seen", driver(FILES), {}, /may be opened/, /^rocminfo$/],
  ])("%s", (_, facts, env, text, next) => {
    const reason = noneListed(facts, env);
    expect(reason.text).toMatch(text);
    expect(reason.next).toMatch(next);
  });

  it("an old driver", () => {
    const details = { hipError: "hipErrorInsufficientDriver", call: "hipGetDeviceCount" };
    const error = new RocmAttentionError("ERR_HIP", "hipGetDeviceCount failed", details);
    expect(listingFailed(error)).toEqual({
      text: "hipGetDeviceCount failed: the amdgpu driver is too old for this HIP runtime",
      next: "sudo apt-get install amdgpu-dkms",
    });
    expect(listingFailed(new RocmAttentionError("ERR_HIP", "it failed")).next).toBe("rocminfo");
  });

  it("no HIP runtime", () => {
    expect(withoutHip(driver(FILES), {}).next).toBe("sudo apt-get install hip-runtime-amd");
    expect(withoutHip(driver({}), {}).next).toBe(USE_EMULATOR);
    const named = { ROCM_ATTENTION_HIP_LIBRARY: "/nowhere" };
    expect(withoutHip(driver(FILES), named).next).toBe("unset ROCM_ATTENTION_HIP_LIBRARY");
  });
});

it("shows variables that change which GPUs HIP shows, where they are set", () => {
  expect(driverVariables({ PATH: "/bin" })).toEqual([]);
  expect(
    driverVariables({
      HSA_OVERRIDE_GFX_VERSION: "9.4.2",
      ROCR_VISIBLE_DEVICES: "0",
      HIP_VISIBLE_DEVICES: "",
    }),
  ).toEqual([
    "HIP_VISIBLE_DEVICES=: HIP shows no other GPUs",
    "ROCR_VISIBLE_DEVICES=0: HIP shows no other GPUs",
    "HSA_OVERRIDE_GFX_VERSION=9.4.2: GPUs pass for that target, whatever they are",
  ]);
});

it("says where GPUs pass for others", () => {
  const env = { HSA_OVERRIDE_GFX_VERSION: "9.4.2" };
  const machine = driver({
    ...FILES,
    "sys/class/kfd/kfd/topology/nodes/1/properties": "gfx_target_version 0\n",
  });
  expect(overriddenTargets(["gfx942"], machine, env)).toBe(
    "the driver has gfx90a, gfx950, HIP shows gfx942: kernels for that may end the process",
  );
  expect(overriddenTargets(["gfx950"], machine, env)).toBeNull();
  expect(overriddenTargets(["gfx942"], machine, {})).toBeNull();
  expect(overriddenTargets(["gfx942"], driver({}), env)).toBeNull();
});
