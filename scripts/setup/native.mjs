import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { root } from "./paths.mjs";
import { CommandFailure, run } from "./run.mjs";
import { fingerprint, isUpToDate, setStamp } from "./stamp.mjs";

const inputs = () => fingerprint(["CMakeLists.txt", "native", "package-lock.json"]);

/** What the build leaves: the addon and the emulator. */
export const nativeOutputs = ["build/Release/rocm_attention.node", "build/Release/librocm_emulator.so"];

/** The addon and the emulator, compiled. */
export const native = {
  title: "addon and emulator (C++)",
  isDone: () => isUpToDate("native", inputs(), nativeOutputs),
  perform: async (progress) => {
    const made = inputs();
    requireProgram("cmake", ["cmake"], "cmake");
    requireProgram("a C++17 compiler", [process.env.CXX || "c++", "g++", "clang++"], "g++");
    forgetOtherClone(join(root, "build"));
    const args = [
      "node_modules/cmake-js/bin/cmake-js",
      "build",
      "--parallel",
      String(availableParallelism()),
    ];
    await run("native", process.execPath, args, { onLine: progress });
    setStamp("native", made);
  },
};

/** Removes what CMake has written into a build folder where the clone was another: it refuses to go on from there. */
export function forgetOtherClone(build) {
  const cache = join(build, "CMakeCache.txt");
  if (!existsSync(cache)) return;
  const [, home] = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(readFileSync(cache, "utf8")) ?? [];
  if (home === root) return;
  const written = [
    "CMakeCache.txt",
    "CMakeFiles",
    "native",
    "build.ninja",
    "Makefile",
    ".ninja_deps",
    ".ninja_log",
  ];
  for (const name of written) rmSync(join(build, name), { recursive: true, force: true });
}

function requireProgram(what, names, debianPackage) {
  if (names.some((name) => spawnSync(name, ["--version"]).status === 0)) return;
  throw new CommandFailure(
    `${what} is needed to build the addon and the emulator, and none is on PATH.\n` +
      `On Debian and Ubuntu: apt-get install ${debianPackage}`,
  );
}
