import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { root } from "./paths.mjs";
import { CommandFailure, run } from "./run.mjs";
import { fingerprint, isUpToDate, setStamp } from "./stamp.mjs";

/** What the build leaves: the addon and the emulator. */
export const nativeOutputs = ["build/Release/rocm_attention.node", "build/Release/librocm_emulator.so"];

/** The x86-64 levels that the emulator is compiled for (EMULATOR_LEVELS), and what they depend on. */
const every = { levels: "x86_64;x86_64_v3;x86_64_v4", of: "any processor" };
const best = { levels: "native", of: cpus()[0]?.model ?? "" };

const inputs = ({ levels, of }) =>
  fingerprint(["CMakeLists.txt", "native", "package-lock.json"], [levels, of]);

/** The addon and the emulator, compiled. */
export const native = build(every, [every]);

/** The same in less than half the time: the emulator has the code of this processor's level alone. */
export const nativeOfProcessor = build(best, [best, every]);

function build(made, enough) {
  return {
    title: "addon and emulator (C++)",
    isDone: () => enough.some((levels) => isUpToDate("native", inputs(levels), nativeOutputs)),
    perform: async (progress) => {
      const stamp = inputs(made);
      requireProgram("cmake", ["cmake"], "cmake");
      requireProgram("a C++17 compiler", [process.env.CXX || "c++", "g++", "clang++"], "g++");
      forgetOtherClone(join(root, "build"));
      const options = [`--CDEMULATOR_LEVELS=${made.levels}`, "--parallel", String(availableParallelism())];
      await run("native", process.execPath, ["node_modules/cmake-js/bin/cmake-js", "build", ...options], {
        onLine: (line) => progress(compiled(line)),
      });
      setStamp("native", stamp);
    },
  };
}

/**
 * How much is compiled, of a line of Ninja or make: "11 %  decode/engine.cc" of "[12/105] Building CXX object
 * native/emulator/CMakeFiles/engine_x86_64.dir/decode/engine.cc.o". Other lines stay as they are.
 */
export function compiled(line) {
  const [, done, all, percent, what] = /^\[\s*(?:(\d+)\/(\d+)|(\d+)%)\] (.*)$/.exec(line) ?? [];
  if (what === undefined) return line;
  const file = /CMakeFiles\/[^/]+\.dir\/(.*)\.o$/.exec(what)?.[1] ?? what;
  return `${percent ?? Math.floor((100 * done) / all)} %  ${file}`;
}

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
