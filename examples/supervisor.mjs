// A supervisor: starts a server again when it ends by itself. On a GPU a page fault ends the process, and everything in it.
//
//     node examples/supervisor.mjs examples/completion-server/main.mjs
//     node examples/supervisor.mjs          shows it with a program that dies twice
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Milliseconds before the next start: longer each time, until one has run for a while. */
const [FIRST_PAUSE, LONGEST_PAUSE, STABLE_AFTER] = [100, 30_000, 60_000];

/**
 * Runs a program until it ends with status 0, or this process is told to end. Gives how often it was started.
 * @param {string} program
 * @param {string[]} words
 */
async function supervise(program, words) {
  let pause = FIRST_PAUSE;
  let ending = false;
  for (let start = 1; ; start++) {
    const began = performance.now();
    const child = fork(program, words, { env: { ...process.env, STARTED: `${start}` } });
    const end = (/** @type {NodeJS.Signals} */ signal) => {
      ending = true;
      child.kill(signal);
    };
    process.once("SIGINT", end).once("SIGTERM", end);
    /** @type {string | number} */
    const how = await new Promise((resolve) =>
      child.once("exit", (code, signal) => resolve(signal ?? code ?? 1)),
    );
    process.off("SIGINT", end).off("SIGTERM", end);
    if (how === 0 || ending) return start;
    if (performance.now() - began > STABLE_AFTER) pause = FIRST_PAUSE;
    console.log(`ended with ${how}; started again in ${pause} ms`);
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(2 * pause, LONGEST_PAUSE);
  }
}

const [program, ...words] = process.argv.slice(2);
if (program === "dies twice") {
  if (Number(process.env.STARTED) < 3) process.kill(process.pid, "SIGKILL");
  console.log("runs");
} else {
  const demonstration = [fileURLToPath(import.meta.url), "dies twice"];
  const [supervised, ...rest] = program === undefined ? demonstration : [program, ...words];
  console.log(`started ${await supervise(supervised, rest)} times`);
}
