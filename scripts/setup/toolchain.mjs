import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { installDebian, unpackDebian, writeWrapper } from "./debian.mjs";
import { cache } from "./paths.mjs";

/** LLVM's major version of the tools that compile device code and check the emulator's decoder. */
const MAJOR = 22;
const DEBIAN_PACKAGES = [`clang-${MAJOR}`, `lld-${MAJOR}`, `llvm-${MAJOR}`];
const PROGRAMS = ["clang++", "ld.lld", "llvm-mc", "llvm-objdump"].map((name) => `${name}-${MAJOR}`);
const unpacked = join(cache, `llvm-${MAJOR}`);

/** A folder for PATH with LLVM's programs, where they were unpacked without root. */
export const toolchainBin = join(unpacked, "bin");

/**
 * clang, lld and LLVM's tools for AMD GPUs: of a ROCm installation or on PATH, else Debian's packages, installed
 * where this is root and unpacked into the cache where it is not. Where neither works the set-up goes on without.
 */
export const toolchain = {
  title: `LLVM ${MAJOR} (device code)`,
  isDone: () => missing().length === 0,
  perform: async (progress) => {
    const options = { onLine: progress };
    try {
      if (process.getuid() === 0) await installDebian(DEBIAN_PACKAGES, options);
      else await unpackDebian(DEBIAN_PACKAGES, unpacked, { ...options, complete: writeWrappers });
    } catch (failure) {
      const [, ending = failure.message] = failure.message.split("\n\n");
      return `not available: ${ending.split("\n")[0]}\n${without()}`;
    }
    return missing().length === 0 ? "done" : `still without ${missing().join(", ")}\n${without()}`;
  },
};

/** The programs that are neither of a ROCm installation, nor on PATH, nor unpacked in the cache. */
function missing() {
  return PROGRAMS.filter((program) => findProgram(program) === undefined);
}

/** The path of an LLVM program ("clang++-22"): of a ROCm installation, on PATH, or as unpacked in the cache. */
export function findProgram(program) {
  const rocm = process.env.ROCM_PATH && join(process.env.ROCM_PATH, "llvm", "bin");
  return [
    ...(rocm ? [join(rocm, program.replace(`-${MAJOR}`, ""))] : []),
    ...[...(process.env.PATH ?? "").split(":"), toolchainBin].map((folder) => join(folder, program)),
  ].find((path) => existsSync(path));
}

function without() {
  const sudo = process.getuid() === 0 ? "" : "sudo ";
  return [
    `    To install it: ${sudo}apt-get install ${DEBIAN_PACKAGES.join(" ")}   (or set ROCM_PATH to a ROCm with LLVM >= 20)`,
    "    Without it: kernels in HIP C++ are not built, and the tests that need them or compare the emulator's",
    "    decoder with LLVM's are skipped. Triton brings its own compiler and is not affected.",
  ].join("\n");
}

/** Scripts that start each program with the libraries that were unpacked beside it. */
function writeWrappers(folder) {
  for (const program of readdirSync(join(folder, "usr", "lib", `llvm-${MAJOR}`, "bin"))) {
    const name = program.endsWith(`-${MAJOR}`) ? program : `${program}-${MAJOR}`;
    writeWrapper(folder, name, `usr/lib/llvm-${MAJOR}/bin/${program}`);
  }
}
