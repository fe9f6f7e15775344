import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { compiled, forgetOtherClone } from "../../../scripts/setup/native.mjs";

const folder = mkdtempSync(join(tmpdir(), "rocm-attention-clone-"));
afterAll(() => rmSync(folder, { recursive: true }));

const configure = (clone: string) => spawnSync("cmake", ["-S", clone, "-B", join(clone, "build")]).status;

it("a clone that was copied with its build builds again, and keeps what is not CMake's", () => {
  const [first, second] = [join(folder, "first"), join(folder, "second")];
  mkdirSync(first);
  writeFileSync(join(first, "CMakeLists.txt"), "cmake_minimum_required(VERSION 3.18)\nproject(p NONE)\n");
  expect(configure(first)).toBe(0);
  writeFileSync(join(first, "build", "kept"), "");
  cpSync(first, second, { recursive: true });
  expect(configure(second)).not.toBe(0);
  forgetOtherClone(join(second, "build"));
  expect(configure(second)).toBe(0);
  expect(execFileSync("ls", [join(second, "build")], { encoding: "utf8" })).toContain("kept");
});

it.for([
  ["[1/3] Building CXX object native/emulator/CMakeFiles/e.dir/decode/engine.cc.o", "33 %  decode/engine.cc"],
  ["[ 50%] Building CXX object CMakeFiles/a.dir/native/hip/runtime.cc.o", "50 %  native/hip/runtime.cc"],
  ["[3/3] Linking CXX shared library Release/a.node", "100 %  Linking CXX shared library Release/a.node"],
  ["-- Configuring done", "-- Configuring done"],
] as const)("%s is shown as %s", ([line, shown]) => {
  expect(compiled(line)).toBe(shown);
});
