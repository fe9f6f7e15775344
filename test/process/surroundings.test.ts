import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { runProgram } from "../support/program.js";
import { noCompiler } from "../support/runtime-kernels.js";
import { testsAll } from "../support/tests-all.js";

/** The root file system, read-only for the command behind it: in a namespace of mounts of its own. */
const ON_READ_ONLY_ROOT = ["unshare", "-rm", "sh", "-c", 'mount -o remount,bind,ro / && exec "$@"', "sh"];
const noNamespaces =
  spawnSync(ON_READ_ONLY_ROOT[0]!, [...ON_READ_ONLY_ROOT.slice(1), "true"]).status !== 0 &&
  "this user may not make namespaces of mounts";

/** Node's permission model refuses all writing; native addons are let in. */
const READ_ONLY = [
  ...[process.allowedNodeEnvironmentFlags.has("--permission") ? "--permission" : "--experimental-permission"],
  ...["--allow-fs-read=*", "--allow-addons", "--no-warnings"],
];

describe("a server's process", () => {
  it("needs neither a home nor files that it can write", async () => {
    const outcome = await runProgram("read-only.mjs", { nodeOptions: READ_ONLY, env: { HOME: undefined } });
    const stdout = "home undefined ERR_ACCESS_DENIED\nTRITON_ATTN\n3\n";
    expect(outcome).toEqual({ status: 0, stdout, stderr: "" });
  });

  it.skipIf(noNamespaces)(
    `runs on a read-only root file system${noNamespaces ? `: ${noNamespaces}` : ""}`,
    async () => {
      const outcome = await runProgram("read-only.mjs", {
        through: ON_READ_ONLY_ROOT,
        env: { HOME: undefined },
      });
      const stdout = "home undefined EROFS\nTRITON_ATTN\n3\n";
      expect(outcome).toEqual({ status: 0, stdout, stderr: "" });
    },
  );

  it.skipIf(noCompiler)("goes on with timers and files while a kernel runs for two seconds", async () => {
    const outcome = await runProgram("event-loop.mjs", { env: { ROCM_EMULATOR_THREADS: "1" } });
    expect(outcome).toEqual({ status: 0, stdout: "finished before false\npassed 1\n", stderr: "" });
  });

  it("takes no more memory with every forward", { timeout: 300_000 }, async () => {
    const env = { FORWARDS: testsAll ? "10000" : "2000" };
    const outcome = await runProgram("flat-memory.mjs", {
      env,
      nodeOptions: ["--expose-gc"],
      timeout: 300_000,
    });
    const stdout = "device 0 staging of fifty steps true\nheap and process within 2 and 16 MiB true true\n";
    expect(outcome).toEqual({ status: 0, stdout, stderr: "" });
  });
});
