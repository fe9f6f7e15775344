import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { EmulatedArch } from "../../../lib/device/device.js";
import { emulatorLibrary } from "../../../lib/native.js";
import { kernelPython } from "../../../scripts/setup/python.mjs";
import { onGpu } from "../../support/device.js";

// Programs that know nothing of this project: Triton compiles and launches them by its own runtime, which loads the
// emulator as its HIP library.

const program = fileURLToPath(new URL("../../support/triton_program.py", import.meta.url));
const folder = fileURLToPath(new URL("../../../build/test/triton", import.meta.url));
const python = join(kernelPython.bin, "python");

/** Triton compiles its launcher, an extension of Python, when it is first used. */
function missing(): string | null {
  if (!kernelPython.isDone()) return "Triton's Python environment is missing";
  const where = ["-c", "import sysconfig; print(sysconfig.get_paths()['include'])"];
  const headers = execFileSync(python, where, { encoding: "utf8" }).trim();
  if (!existsSync(join(headers, "Python.h"))) return `Python.h is missing (${headers})`;
  return spawnSync(process.env.CC ?? "cc", ["--version"]).status === 0 ? null : "no C compiler";
}
const reason = onGpu ? "for the emulator alone" : missing();

/** The largest relative error of each case. */
function run(arch: EmulatedArch, cases: readonly string[]): Record<string, number> {
  mkdirSync(folder, { recursive: true });
  // Triton takes no library of another name.
  const library = join(folder, "libamdhip64.so");
  rmSync(library, { force: true });
  symlinkSync(emulatorLibrary(), library);
  const env = {
    ...process.env,
    ROCM_EMULATOR_ARCH: arch,
    TRITON_LIBHIP_PATH: library,
    TRITON_CACHE_DIR: join(folder, "cache"),
    TRITON_DEFAULT_FP_FUSION: "1",
  };
  return JSON.parse(execFileSync(python, [program, ...cases], { env, encoding: "utf8" }));
}

const formats = ["e4m3", "e5m2", "e2m1"];
const scaled = formats.flatMap((first) => formats.map((second) => `dot_scaled ${first} ${second}`));

describe("Triton's own launcher on the emulator", () => {
  it.for([
    ["gfx942", ["softmax", "matmul", "atomics", "cooperative"]],
    ["gfx950", ["softmax", "matmul", "atomics", ...scaled]],
    ["gfx90a", ["softmax", "matmul", "atomics"]],
  ] as const)("computes on %s", ([arch, cases], { skip }) => {
    if (reason !== null) skip(reason);
    const errors = run(arch, cases);
    expect(Object.keys(errors)).toEqual(cases);
    for (const [name, error] of Object.entries(errors)) {
      expect(error, name).toBeLessThan(name === "atomics" || name === "cooperative" ? 1e-9 : 2e-6);
    }
  });
});
