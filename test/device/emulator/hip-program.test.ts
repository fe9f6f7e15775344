import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { emulatorLibrary } from "../../../lib/native-files.js";
import { compileKernels, noCompiler } from "../../support/compile.js";
import { onGpu } from "../../support/device.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const folder = join(root, "build", "test");
const compiler = process.env.CXX || "c++";
const skipped = noCompiler ?? (spawnSync(compiler, ["--version"]).status === 0 ? null : "no C++ compiler");

describe.skipIf(skipped || onGpu)("a HIP program that loads the emulator as its HIP library", () => {
  const program = join(folder, "hip-program");
  beforeAll(() => {
    mkdirSync(folder, { recursive: true });
    const source = join(root, "test", "support", "hip-program.cpp");
    execFileSync(compiler, ["-std=c++17", `-I${join(root, "native")}`, source, "-ldl", "-o", program]);
  });

  it.each([
    ["gfx942", 5],
    ["gfx942", 6],
    ["gfx90a", 5],
  ] as const)("launches by pointers to arguments: %s, code object version %i", (arch, version) => {
    const object = join(folder, `hip-program-${arch}-${version}.co`);
    writeFileSync(object, compileKernels("launch-kernels.cpp", arch, [`-mcode-object-version=${version}`]));
    const env = { ...process.env, ROCM_EMULATOR_ARCH: arch };
    const output = execFileSync(program, [emulatorLibrary(), object], { env, encoding: "utf8" });
    expect(output.trimEnd().split("\n")).toEqual([
      "arguments 11 22 33 44",
      "hidden 3 5 2, 64 1024",
      "too large hipErrorInvalidConfiguration",
    ]);
  });

  it("finds no device where a variable is set wrongly", () => {
    const object = join(folder, "hip-program-gfx942-5.co");
    writeFileSync(object, compileKernels("launch-kernels.cpp", "gfx942", ["-mcode-object-version=5"]));
    const env = { ...process.env, ROCM_EMULATOR_ARCH: "gfx942", ROCM_EMULATOR_COUNTERS: "all" };
    const { stderr } = spawnSync(program, [emulatorLibrary(), object], { env, encoding: "utf8" });
    expect(stderr).toContain("ROCM_EMULATOR_COUNTERS=all is no option of the emulator");
    expect(stderr).toContain("hipErrorNoDevice");
  });
});
