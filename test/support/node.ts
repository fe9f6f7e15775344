import { type SpawnSyncOptions, type SpawnSyncReturns, spawnSync } from "node:child_process";

/**
 * Runs Node on a program and waits for it, 90 s at most. One that is killed then is run once more, and that is said: Node
 * 20 may wait at its end for a compiler thread that waits for a collection of garbage (nodejs/node#54918).
 */
export function runNode(args: readonly string[], options: SpawnSyncOptions = {}): SpawnSyncReturns<string> {
  const run = () =>
    spawnSync(process.execPath, args, {
      ...options,
      encoding: "utf8",
      timeout: 90_000,
      killSignal: "SIGKILL",
    });
  const outcome = run();
  if (outcome.signal !== "SIGKILL") return outcome;
  console.warn(`did not end within 90 s, and is run once more: node ${args.join(" ")}`);
  return run();
}
