import { spawn, spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";

/** A program that performs steps: for a process of its own, since a failing step ends it. */
function program(steps: string): string[] {
  const script = `
    import { performSteps } from ${JSON.stringify(new URL("../../../scripts/setup/steps.mjs", import.meta.url))};
    import { CommandFailure, run } from ${JSON.stringify(new URL("../../../scripts/setup/run.mjs", import.meta.url))};
    await performSteps([${steps}]);
    console.log("after");`;
  return ["--input-type=module", "-e", script];
}

function perform(steps: string) {
  return spawnSync(process.execPath, program(steps), { encoding: "utf8" });
}

describe("performSteps", () => {
  it("performs what is not done, in order, with time and remark, and leaves standard output alone", () => {
    const { status, stdout, stderr } = perform(`
      { title: "one", isDone: () => false, perform: async () => {} },
      { title: "two", isDone: () => true, perform: async () => { throw new Error("not to be called"); } },
      { title: "three", isDone: () => false, perform: async () => "with a remark" }`);
    expect(status).toBe(0);
    expect(stdout).toBe("after\n");
    expect(stderr).toMatch(
      /^ {2}one +\.\.\.\n {2}one +\d+\.\d s {2}done\n {2}three +\.\.\.\n {2}three .* with a remark\n$/,
    );
  });

  it("ends the process where a step fails, with what the command said and no stack", () => {
    const { status, stdout, stderr } = perform(`
      { title: "one", isDone: () => false, perform: async () => { throw new CommandFailure("do this"); } },
      { title: "two", isDone: () => false, perform: async () => {} }`);
    expect(status).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/one .* failed\n\ndo this\n$/);
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("ends the command under way at %s, lets its step tidy up and ends", async (signal, status) => {
    const child = spawn(
      process.execPath,
      program(`
        { title: "one", isDone: () => false, perform: async () => {
          try {
            console.log("begun");
            await run("test-interrupted-${signal}", "sleep", ["1000"]);
          } finally {
            console.log("tidy");
          }
        } },
        { title: "two", isDone: () => false, perform: async () => {} }`),
    );
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (text) => {
      if (stdout === "") child.kill(signal);
      stdout += text;
    });
    child.stderr.on("data", (text) => {
      stderr += text;
    });
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(status);
    expect(stdout).toBe("begun\ntidy\n");
    expect(stderr).toMatch(/one .* interrupted; the same command goes on from here\n$/);
  });
});
