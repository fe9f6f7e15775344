import { constants } from "node:os";
import { CommandFailure, endCommands } from "./run.mjs";

const live = process.stderr.isTTY;

/** What asks the set-up to end: Ctrl-C, and what a terminal or a machine sends when it closes. */
const INTERRUPTIONS = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * A part of the set-up.
 * @typedef {object} Step
 * @property {string} title
 * @property {() => boolean} isDone  Fast; a step that is done is not shown.
 * @property {(progress: (line: string) => void) => Promise<string | undefined>} perform  May return a remark.
 */

/**
 * Performs the steps that are not done yet, each with its progress and time, on the standard error stream.
 * Ends the process where one fails: nothing after it could work. Interrupted, it lets the step that is under way tidy
 * up first.
 * @param {Step[]} steps
 */
export async function performSteps(steps) {
  let interruption;
  const interrupt = (signal) => {
    interruption = signal;
    endCommands(signal);
  };
  for (const signal of INTERRUPTIONS) process.on(signal, interrupt);
  for (const { title, isDone, perform } of steps) {
    if (isDone()) continue;
    const line = progressLine(title);
    let failure;
    const remark = await perform(line.update).catch((error) => {
      failure = error;
    });
    if (interruption !== undefined) {
      line.end("interrupted; the same command goes on from here");
      process.exit(128 + constants.signals[interruption]);
    }
    line.end(failure === undefined ? remark : "failed");
    if (failure === undefined) continue;
    console.error(`\n${failure instanceof CommandFailure ? failure.message : failure.stack}`);
    process.exit(1);
  }
  for (const signal of INTERRUPTIONS) process.off(signal, interrupt);
}

/** One line that shows what goes on: rewritten in place on a terminal, printed twice elsewhere. */
function progressLine(title) {
  const start = performance.now();
  const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  const label = `  ${title.padEnd(34)}`;
  let latest = "";
  const show = () => {
    const text = `${label} ${seconds().padStart(8)}  ${latest}`;
    process.stderr.write(`\r${text.slice(0, (process.stderr.columns ?? 80) - 1)}\x1b[K`);
  };
  const timer = live ? setInterval(show, 200) : undefined;
  if (!live) process.stderr.write(`${label} ...\n`);
  return {
    update(text) {
      latest = text;
    },
    end(remark = "done") {
      clearInterval(timer);
      process.stderr.write(
        `${live ? "\r" : ""}${label} ${seconds().padStart(8)}  ${remark}${live ? "\x1b[K" : ""}\n`,
      );
    },
  };
}
