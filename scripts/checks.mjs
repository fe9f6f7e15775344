import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { programPath } from "./setup/kernels.mjs";
import { root } from "./setup/paths.mjs";

const env = { ...process.env, PATH: programPath };
const reporter = fileURLToPath(new URL("reporter.mjs", import.meta.url));

/** Runs one check, prints its verdict and, where it fails, all that it said. Returns whether it passed. */
export function check(name, command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, env, encoding: "utf8" });
  console.log(status === 0 ? `✓ ${name}` : `✗ ${name}\n${error?.message ?? stdout + stderr}`);
  return status === 0;
}

/**
 * Runs vitest in `folder`, with `all` the tests that take minutes, too, and returns its counts; a reason is null where the test does not say why it was skipped.
 * Whatever else goes wrong, a vitest that dies too, is one failure.
 * @returns {{ passed: number, failed: number, skipped: { file: string, name: string, reason: string | null }[] }}
 */
export function runVitest(
  args = [],
  { folder = root, stdio = "inherit", device, all = false, variables = {} } = {},
) {
  const report = join(folder, "build", "test.json");
  rmSync(report, { force: true });
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const reporters = ["--reporter=default", `--reporter=${reporter}`];
  const { status } = spawnSync(process.execPath, [vitest, "run", ...reporters, ...args], {
    cwd: folder,
    env: {
      ...env,
      ...(device !== undefined && { ROCM_ATTENTION_TEST_DEVICE: device }),
      ...(all && { ROCM_ATTENTION_TEST_ALL: "1" }),
      ...variables,
    },
    stdio,
  });
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: [] };
  const counts = JSON.parse(readFileSync(report, "utf8"));
  return status !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}
