import { describe, expect, it } from "vitest";
import { runProgram } from "../support/program.js";
import { noCompiler } from "../support/runtime-kernels.js";

describe("a process ends", () => {
  it("when nothing is pending, closed devices or not", async () => {
    expect(await runProgram("nothing-pending.mjs")).toEqual({ status: 0, stdout: "1 2\n", stderr: "" });
  });

  it.skipIf(noCompiler)("although a kernel runs that nobody waits for", async () => {
    expect(await runProgram("kernel-pending.mjs")).toEqual({ status: 0, stdout: "end\n", stderr: "" });
  });

  it.skipIf(noCompiler)("by process.exit() in the middle of a kernel", async () => {
    expect(await runProgram("exit-pending.mjs")).toEqual({ status: 7, stdout: "", stderr: "" });
  });

  it.skipIf(noCompiler)(
    "only after the Promises that it waits for, while its event loop goes on",
    async () => {
      const { status, stdout, stderr } = await runProgram("promise-pending.mjs");
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(stdout.split("\n").sort()).toEqual(["", "opened after 5", "passed 1"]);
    },
  );
});

describe.skipIf(noCompiler)("a process in which something fails ends", () => {
  it("with the report of a device fault that it does not handle", async () => {
    const { status, stdout, stderr } = await runProgram("fault-unhandled.mjs");
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/RocmAttentionError: a fault ended .*^ +kernel +stray/ms);
    expect(stderr).toContain("code: 'ERR_DEVICE_FAULT'");
  });

  it("as if nothing had been, where nobody asks for the kernel that failed", async () => {
    expect(await runProgram("fault-ignored.mjs")).toEqual({ status: 0, stdout: "other 0 0\n", stderr: "" });
  });

  it("by an exception in the middle of a kernel", async () => {
    const { status, stdout, stderr } = await runProgram("exception-pending.mjs");
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain("Error: uncaught");
  });
});

describe.skipIf(noCompiler)("SIGTERM in the middle of a kernel", () => {
  it("ends a process that does not handle it", async () => {
    expect(await runProgram("sigterm.mjs")).toEqual({ status: "SIGTERM", stdout: "", stderr: "" });
  });

  it("may be handled by closing the device", async () => {
    const outcome = await runProgram("sigterm.mjs", { env: { HANDLE: "1" } });
    expect(outcome).toEqual({ status: 0, stdout: "passed 1\nclosed\n", stderr: "" });
  });
});

describe.skipIf(noCompiler)("memory, streams and modules", () => {
  it("are freed when their objects are collected or disposed of", async () => {
    const outcome = await runProgram("collected.mjs", { nodeOptions: ["--expose-gc"] });
    expect(outcome).toEqual({
      status: 0,
      stdout: "collected 0\npeak true staging true\ncaptures ended 100\nworkspace was needed true\nend\n",
      stderr: "",
    });
  });
});
