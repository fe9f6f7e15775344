import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { EmulatedArch } from "../../lib/device/device.js";
import { emulatorLibrary } from "../../lib/native-files.js";
import { kernelPython } from "../../scripts/setup/python.mjs";

const program = fileURLToPath(new URL("triton_program.py", import.meta.url));
const folder = fileURLToPath(new URL("../../build/test/triton", import.meta.url));
const python = join(kernelPython.bin, "python");

/** Why Triton cannot launch kernels, or null. It compiles its launcher, an extension of Python, at first use. */
export function noTriton(): string | null {
  if (!kernelPython.isDone()) return "Triton's Python environment is missing";
  const where = ["-c", "import sysconfig; print(sysconfig.get_paths()['include'])"];
  const headers = execFileSync(python, where, { encoding: "utf8" }).trim();
  if (!existsSync(join(headers, "Python.h"))) return `Python.h is missing (${headers})`;
  return spawnSync(process.env.CC ?? "cc", ["--version"]).status === 0 ? null : "no C compiler";
}

/** Runs cases of triton_program.py, which loads the emulator as its HIP library, and gives what each has printed. */
export function runTriton<Outcome>(arch: EmulatedArch, cases: readonly string[]): Record<string, Outcome> {
  mkdirSync(folder, { recursive: true });
  // Triton takes no library of another name.
  const library = join(folder, "libamdhip64.so");
  const made = `${library}.${process.pid}`;
  symlinkSync(emulatorLibrary(), made);
  renameSync(made, library);
  const env = {
    ...process.env,
    ROCM_EMULATOR_ARCH: arch,
    TRITON_LIBHIP_PATH: library,
    TRITON_CACHE_DIR: join(folder, "cache"),
    TRITON_DEFAULT_FP_FUSION: "1",
  };
  return JSON.parse(execFileSync(python, [program, ...cases], { env, encoding: "utf8" }));
}
