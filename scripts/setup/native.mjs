import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
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

function requireProgram(what, names, debianPackage) {
  if (names.some((name) => spawnSync(name, ["--version"]).status === 0)) return;
  throw new CommandFailure(
    `${what} is needed to build the addon and the emulator, and none is on PATH.\n` +
      `On Debian and Ubuntu: apt-get install ${debianPackage}`,
  );
}
