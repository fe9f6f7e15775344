import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { root } from "../../../scripts/setup/paths.mjs";
import { kernelPython } from "../../../scripts/setup/python.mjs";

const support = join(root, "test", "support");
const folder = mkdtempSync(join(tmpdir(), "rocm-attention-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Compiles the function of kernels in HIP C++ for the host. */
function hipProgram(): string[] {
  const compiler = process.env.CXX || "c++";
  // In place of HIP's header, of which the function needs nothing.
  mkdirSync(join(folder, "hip"));
  writeFileSync(join(folder, "hip", "hip_runtime.h"), "");
  const program = join(folder, "place-by-xcd");
  const includes = [folder, join(root, "kernels", "hip")].map((each) => `-I${each}`);
  execFileSync(compiler, ["-std=c++17", ...includes, join(support, "place-by-xcd.cpp"), "-o", program]);
  return [program];
}

const programs = [
  {
    language: "HIP C++",
    lacking: spawnSync(process.env.CXX || "c++", ["--version"]).status !== 0 && "no C++ compiler",
    program: hipProgram,
  },
  {
    language: "Triton",
    lacking: !kernelPython.isDone() && "no Python environment with Triton",
    program: () => [join(kernelPython.bin, "python"), join(support, "dealt_to_xcds.py")],
  },
];

for (const { language, lacking, program } of programs)
  describe.skipIf(lacking)(
    `the places of workgroups by kernels in ${language}${lacking ? `: ${lacking}` : ""}`,
    () => {
      it("are all those of the groups, each once, and a group's on one XCD as long as there is a group for each", () => {
        const [command, ...args] = program();
        const size = fc.integer({ min: 1, max: 40 });
        const grids = fc.array(fc.tuple(size, size, fc.integer({ min: 1, max: 9 })), {
          minLength: 100,
          maxLength: 150,
        });
        const property = fc.property(grids, (grids) => {
          const input = grids.map((grid) => grid.join(" ")).join("\n");
          const lines = execFileSync(command!, args, { input, encoding: "utf8" }).split("\n");
          for (const [index, [groups, members, xcds]] of grids.entries()) {
            const places = lines[index]!.slice(0, -1).split(",");
            const whole = groups - (groups % xcds);
            expect(new Set(places).size).toBe(groups * members);
            expect(places.length).toBe(groups * members);
            for (const [workgroup, place] of places.entries()) {
              const [group, member] = place.split(" ").map(Number) as [number, number];
              if (
                group >= groups ||
                member >= members ||
                (group < whole && workgroup % xcds !== group % xcds)
              ) {
                throw new Error(`workgroup ${workgroup} of ${grids[index]} is at ${place}`);
              }
            }
          }
        });
        fc.assert(property, { numRuns: 2, endOnFailure: true });
      });
    },
  );
