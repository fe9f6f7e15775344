import { CommandFailure } from "./run.mjs";

const live = process.stderr.isTTY;

/**
 * A part of the set-up.
 * @typedef {object} Step
 * @property {string} title
 * @property {() => boolean} isDone  Fast; a step that is done is not shown.
 * @property {(progress: (line: string) => void) => Promise<string | undefined>} perform  May return a remark.
 */

/**
 * Performs the steps that are not done yet, each with its progress and time, on the standard error stream.
 * Ends the process where one fails: nothing after it could work.
 * @param {Step[]} steps
 */
export async function performSteps(steps) {
  for (const { title, isDone, perform } of steps) {
    if (isDone()) continue;
    const line = progressLine(title);
    try {
      line.end(await perform(line.update));
    } catch (error) {
      line.end("failed");
      console.error(`\n${error instanceof CommandFailure ? error.message : error.stack}`);
      process.exit(1);
    }
  }
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
