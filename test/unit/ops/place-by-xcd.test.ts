import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "../../../scripts/setup/paths.mjs";

const compiler = process.env.CXX || "c++";

describe.skipIf(spawnSync(compiler, ["--version"]).status !== 0)(
  "the places of workgroups, on the host",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "rocm-attention-"));
    const program = join(folder, "place-by-xcd");
    beforeAll(() => {
      // In place of HIP's header, of which the function needs nothing.
      mkdirSync(join(folder, "hip"));
      writeFileSync(join(folder, "hip", "hip_runtime.h"), "");
      const source = join(root, "test", "support", "place-by-xcd.cpp");
      const includes = [folder, join(root, "kernels", "hip")].map((each) => `-I${each}`);
      execFileSync(compiler, ["-std=c++17", ...includes, source, "-o", program]);
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    it("are all those of the groups, each once, and a group's on one XCD as long as there is a group for each", () => {
      const size = fc.integer({ min: 1, max: 40 });
      const grids = fc.array(fc.tuple(size, size, fc.integer({ min: 1, max: 9 })), { minLength: 50 });
      const property = fc.property(grids, (grids) => {
        const input = grids.map((grid) => grid.join(" ")).join("\n");
        const lines = execFileSync(program, { input, encoding: "utf8" }).split("\n");
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
      fc.assert(property, { numRuns: 5 });
    });
  },
);
