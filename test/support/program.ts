import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { typescript } from "../../scripts/setup/typescript.mjs";
import { compiledFile, noCompiler } from "./compile.js";

export interface Outcome {
  /** The exit status, or the signal that ended the program. */
  status: number | string | null;
  stdout: string;
  stderr: string;
}

/**
 * Runs test/process/programs/<name> in a Node of its own, against dist/ as users get it. Programs find the code object
 * of runtime-kernels.cpp for gfx942 in KERNELS. `through` is a command that runs the command behind it. A program that does
 * not end within `timeout` (60 s) is killed: status "SIGKILL".
 */
export async function runProgram(
  name: string,
  {
    env = {},
    nodeOptions = [],
    through = [],
    timeout = 60_000,
  }: { env?: NodeJS.ProcessEnv; nodeOptions?: string[]; through?: string[]; timeout?: number } = {},
): Promise<Outcome> {
  if (!typescript.isDone()) await typescript.perform(() => {});
  const file = fileURLToPath(new URL(`../process/programs/${name}`, import.meta.url));
  const kernels = noCompiler === null ? compiledFile("runtime-kernels.cpp", "gfx942") : "";
  const [command, ...args] = [...through, process.execPath, ...nodeOptions, file];
  const child = spawn(command!, args, {
    env: { ...process.env, KERNELS: kernels, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout,
    killSignal: "SIGKILL",
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (data) => {
    stdout += data;
  });
  child.stderr.on("data", (data) => {
    stderr += data;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ status: signal ?? code, stdout, stderr }));
  });
}
