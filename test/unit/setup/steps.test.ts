import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";

/** Performs steps in a process of its own, since a failing one ends it. */
function perform(steps: string) {
  const script = `
    import { performSteps } from ${JSON.stringify(new URL("../../../scripts/setup/steps.mjs", import.meta.url))};
    import { CommandFailure } from ${JSON.stringify(new URL("../../../scripts/setup/run.mjs", import.meta.url))};
    await performSteps([${steps}]);
    console.log("after");`;
  return spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
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
});
