import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { compiledFile, noCompiler } from "../../support/compile.js";

const file = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

/** What rocm_emulator_entry_errors says: "ok hipMalloc: null", "not ok hipFree: ...", one line per error path. */
function errorPaths(): string[] {
  const program = file("build/Release/rocm_emulator_entry_errors");
  try {
    return execFileSync(program, [compiledFile("runtime-kernels.cpp", "gfx942")], { encoding: "utf8" })
      .trim()
      .split("\n");
  } catch (error) {
    return String((error as { stdout?: string }).stdout)
      .trim()
      .split("\n");
  }
}

describe.skipIf(noCompiler)("every entry point of the emulator", () => {
  const paths = errorPaths();
  const header = readFileSync(file("native/hip/functions.h"), "utf8");
  const functions = [
    ...header.matchAll(/ (?:HIP|LAUNCHER|EMULATOR)_FUNCTION\([^,]*,\s*((?:hip|rocm)\w+),/g),
  ].map(([, name]) => name!);

  it("answers errors as HIP does", () => {
    expect(paths.filter((path) => !path.startsWith("ok "))).toEqual([]);
  });

  it("has an error path that is taken", () => {
    expect(functions.length).toBeGreaterThan(55);
    const taken = new Set(paths.map((path) => /ok (\w+):/.exec(path)?.[1]));
    expect(functions.filter((name) => !taken.has(name))).toEqual([]);
  });
});
