import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cache } from "./paths.mjs";
import { run } from "./run.mjs";
import { writeWhole } from "./stamp.mjs";

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
      if (process.getuid() === 0) await install(options);
      else await unpack(options);
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

async function install(options) {
  // Another installation may be under way: a new machine often updates itself.
  const patience = ["-o", "DPkg::Lock::Timeout=300"];
  const args = [...patience, "install", "--yes", "--no-install-recommends", ...DEBIAN_PACKAGES];
  const environment = { ...options, env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } };
  if (spawnSync("apt-cache", ["show", DEBIAN_PACKAGES[0]]).status !== 0) {
    await run("apt-update", "apt-get", [...patience, "update"], environment);
  }
  await run("apt-install", "apt-get", args, environment);
}

/** Downloads the packages and those that they need beyond what is installed, and unpacks them into the cache. */
async function unpack(options) {
  const temporary = `${unpacked}.${process.pid}`;
  const archives = join(temporary, "archives");
  mkdirSync(archives, { recursive: true });
  try {
    let state = [];
    if (spawnSync("apt-cache", ["show", DEBIAN_PACKAGES[0]]).status !== 0) {
      // Without root the system's package lists cannot be renewed, so these are our own.
      const lists = join(temporary, "lists");
      mkdirSync(join(lists, "partial"), { recursive: true });
      state = [
        "-o",
        `Dir::State::lists=${lists}`,
        "-o",
        `Dir::Cache=${temporary}`,
        "-o",
        "Debug::NoLocking=1",
      ];
      await run("apt-update", "apt-get", [...state, "update"], options);
    }
    const simulate = ["--simulate", "--no-install-recommends", "install", ...DEBIAN_PACKAGES];
    const plan = await run(
      "apt-simulate",
      "apt-get",
      [...state, "-o", "Debug::NoLocking=1", ...simulate],
      options,
    );
    const names = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name);
    await run("apt-download", "apt-get", [...state, "download", ...names], { ...options, cwd: archives });
    for (const archive of readdirSync(archives)) {
      await run("dpkg", "dpkg", ["-x", join(archives, archive), temporary], options);
    }
    writeWrappers(temporary);
    rmSync(archives, { recursive: true });
    if (!existsSync(unpacked)) renameSync(temporary, unpacked);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Scripts that start each program with the libraries that were unpacked beside it. */
function writeWrappers(folder) {
  mkdirSync(join(folder, "bin"));
  for (const program of readdirSync(join(folder, "usr", "lib", `llvm-${MAJOR}`, "bin"))) {
    const script = [
      "#!/bin/sh",
      'here=$(cd "$(dirname "$0")/.." && pwd)',
      `export LD_LIBRARY_PATH="$here/usr/lib/${triplet()}\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"`,
      `exec "$here/usr/lib/llvm-${MAJOR}/bin/${program}" "$@"`,
    ];
    const name = program.endsWith(`-${MAJOR}`) ? program : `${program}-${MAJOR}`;
    writeWhole(join(folder, "bin", name), `${script.join("\n")}\n`, { mode: 0o755 });
  }
}

function triplet() {
  return process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
}
