import { describe, expect, it } from "vitest";
import { onGpu } from "../../support/device.js";
import { noTriton, runTriton } from "../../support/triton.js";

// Programs that know nothing of this project: Triton compiles and launches them by its own runtime, which loads the
// emulator as its HIP library.

const reason = onGpu ? "for the emulator alone" : noTriton();

const formats = ["e4m3", "e5m2", "e2m1"];
const scaled = formats.flatMap((first) => formats.map((second) => `dot_scaled ${first} ${second}`));

describe("Triton's own launcher on the emulator", () => {
  it.for([
    ["gfx942", ["softmax", "matmul", "atomics", "cooperative"]],
    ["gfx950", ["softmax", "matmul", "atomics", ...scaled]],
    ["gfx90a", ["softmax", "matmul", "atomics"]],
  ] as const)("computes on %s", ([arch, cases], { skip }) => {
    if (reason !== null) skip(reason);
    const errors = runTriton<number>(arch, cases);
    expect(Object.keys(errors)).toEqual(cases);
    for (const [name, error] of Object.entries(errors)) {
      expect(error, name).toBeLessThan(name === "atomics" || name === "cooperative" ? 1e-9 : 2e-6);
    }
  });
});
