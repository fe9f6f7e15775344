import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { onGpu } from "../support/device.js";
import { runProgram } from "../support/program.js";

const folder = mkdtempSync(join(tmpdir(), "rocm-attention-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("the HIP runtime", () => {
  it.skipIf(onGpu)("may be missing: no devices, and an error with every place that was tried", async () => {
    const { status, stdout } = await runProgram("library-messages.mjs", { env: { ROCM_PATH: "/nowhere" } });
    expect(status).toBe(0);
    const [list, error, ...message] = stdout.split("\n");
    expect(list).toBe("[]");
    expect(error).toBe("RocmAttentionError ERR_HIP_LIBRARY");
    const text = message.join("\n");
    for (const place of [
      "libamdhip64.so.7: libamdhip64.so.7: cannot open shared object file",
      "libamdhip64.so.6: libamdhip64.so.6: cannot open shared object file",
      "/nowhere/lib/libamdhip64.so.7: ",
      "/opt/rocm/lib/libamdhip64.so.7: ",
      'Device.open({ emulate: "gfx942" })',
    ]) {
      expect(text).toContain(place);
    }
  });

  it.each<[string, () => string, RegExp]>([
    ["a file that is not there", () => join(folder, "absent.so"), /cannot open shared object file/],
    [
      "a file that is no library",
      () => {
        writeFileSync(join(folder, "text.so"), "not a library");
        return join(folder, "text.so");
      },
      /file too short|invalid ELF header/,
    ],
    [
      "a library that is no HIP",
      () => "libc.so.6",
      /is no HIP runtime of ROCm 6 or later: it lacks hipGetErrorName/,
    ],
  ])("named by the environment: %s", async (_, library, reason) => {
    const path = library();
    const { status, stdout } = await runProgram("library-messages.mjs", {
      env: { ROCM_ATTENTION_HIP_LIBRARY: path },
    });
    expect(status).toBe(0);
    expect(stdout).toContain("RocmAttentionError ERR_HIP_LIBRARY");
    expect(stdout).toMatch(reason);
    // Nothing else is tried in its place.
    expect(stdout.match(/^ {2}\S+: /gm)).toEqual([`  ${path}: `]);
    expect(stdout).toContain("unset ROCM_ATTENTION_HIP_LIBRARY");
  });

  it("may see no GPU", async () => {
    const emulator = fileURLToPath(new URL("../../build/Release/librocm_emulator.so", import.meta.url));
    const { stdout } = await runProgram("library-messages.mjs", {
      env: { ROCM_ATTENTION_HIP_LIBRARY: emulator },
    });
    expect(stdout).toMatch(/^\[\]\nRocmAttentionError ERR_NO_DEVICE\nthere is no GPU 0.*\/dev\/kfd/s);
  });
});

describe.skipIf(onGpu)("the emulator's variables", () => {
  it.each([
    ["ROCM_EMULATOR_DELIVERY", "Late"],
    ["ROCM_EMULATOR_SCHEDULE", "turn:0"],
    ["ROCM_EMULATOR_DELAY", "late"],
    ["ROCM_EMULATOR_FAIL", "hipMalloc:third"],
    ["ROCM_EMULATOR_FAIL", "hipMaloc"],
    ["ROCM_EMULATOR_MEMORY", "64 GiB"],
    ["ROCM_EMULATOR_COUNTERS", "sample:8"],
  ])("%s=%s are not overlooked", async (name, value) => {
    const { stdout } = await runProgram("emulator-options.mjs", { env: { [name]: value } });
    expect(stdout).toContain("RocmAttentionError ERR_INVALID_ARGUMENT");
    expect(stdout).toContain(`${name}=${value} is no option of the emulator`);
  });

  it("may be set rightly", async () => {
    const env = {
      ROCM_EMULATOR_DELIVERY: "late",
      ROCM_EMULATOR_SCHEDULE: "seed:4",
      ROCM_EMULATOR_MEMORY: "1",
    };
    const { stdout } = await runProgram("emulator-options.mjs", { env });
    expect(stdout).toBe("Emulated gfx942\n");
  });
});

describe("the addon", () => {
  it("may be missing or broken: an error with every place that was tried and the command to run", async () => {
    const missing = await runProgram("library-messages.mjs", { env: { ROCM_ATTENTION_PREBUILD: folder } });
    expect(missing.status).toBe(1);
    expect(missing.stderr).toContain("ERR_ADDON");
    expect(missing.stderr).toContain(`ROCM_ATTENTION_PREBUILD=${folder}`);
    expect(missing.stderr).toContain("npm run build:native");
  });

  it("is not loaded under --no-addons, and says so", async () => {
    const outcome = await runProgram("library-messages.mjs", { env: { NODE_OPTIONS: "--no-addons" } });
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toContain("remove --no-addons");
  });
});
