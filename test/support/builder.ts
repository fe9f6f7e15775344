import { spawnSync } from "node:child_process";
import { root } from "../../scripts/setup/paths.mjs";

/**
 * Runs a program of kernels/builder's in Python and returns what it printed, as JSON. `input` is its variable of that name;
 * `folder` stands in for this clone, `cache` for the cache.
 */
export function runBuilder(
  program: string,
  { input = null as unknown, folder = root, cache = undefined as string | undefined } = {},
): unknown {
  const prelude = "import json, sys; sys.path[0] = sys.argv[1]; input = json.load(sys.stdin)\n";
  const { status, stdout, stderr } = spawnSync("python3", ["-c", prelude + program, folder], {
    encoding: "utf8",
    input: JSON.stringify(input),
    env: cache === undefined ? process.env : { ...process.env, ROCM_ATTENTION_CACHE: cache },
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout.trim().split("\n").at(-1)!);
}
