import { describe, expect, it } from "vitest";
import { runProgram } from "../support/program.js";
import { noCompiler } from "../support/runtime-kernels.js";
import { testsAll } from "../support/tests-all.js";

const LONG = testsAll ? 900_000 : 60_000;

describe.skipIf(noCompiler)("worker threads", () => {
  it("compute side by side, each with a device of its own", async () => {
    expect(await runProgram("workers.mjs")).toEqual({ status: 0, stdout: "right 8\n", stderr: "" });
  });

  it("share one pool of host threads at a lower priority", async () => {
    expect(await runProgram("threads.mjs")).toEqual({ status: 0, stdout: "one pool true\n", stderr: "" });
  });

  it("can be terminated in the middle of a kernel, eight at once and again", { timeout: LONG }, async () => {
    const rounds = testsAll ? 100 : 2;
    const env = { WORKERS: "8", ROUNDS: String(rounds) };
    const stdout = `terminated ${8 * rounds}\npassed 1\n`;
    const outcome = await runProgram("worker-terminate.mjs", { env, timeout: LONG });
    expect(outcome).toEqual({ status: 0, stdout, stderr: "" });
  });

  it("may end with work under way, or by a fault that is theirs alone", async () => {
    const stdout = "gate 0\nfault ERR_DEVICE_FAULT\npassed 1\n";
    expect(await runProgram("worker-ends.mjs")).toEqual({ status: 0, stdout, stderr: "" });
  });

  it("leave nothing of their device behind, whenever they end", async () => {
    const stdout = "left\npassed 0 0\n";
    expect(await runProgram("worker-leaves.mjs")).toEqual({ status: 0, stdout, stderr: "" });
  });
});
