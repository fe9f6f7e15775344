import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";
import { logs, root, shown } from "./paths.mjs";

/** A command of the set-up that did not succeed: the message holds all that is needed to act on it. */
export class CommandFailure extends Error {}

/** The commands under way, each in a process group of its own together with what it has started. */
const running = new Set();
let ended = false;

/** Ends the commands under way and lets no new one start: their `run` fails, and steps tidy up as after any failure. */
export function endCommands(signal) {
  ended = true;
  for (const child of running) process.kill(-child.pid, signal);
}

/** Lines of a failed command's output that are shown; the log has all of them. */
const TAIL_LINES = 30;

/**
 * Runs a command to its end. Its whole output goes to build/logs/<log>.log, its last line to `onLine`.
 * Throws CommandFailure with the tail of the output and the exact command where it fails.
 * @param {string} log
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string, onLine?: (line: string) => void }} [options]
 * @returns {Promise<string>} The output.
 */
export async function run(log, command, args, { env = process.env, cwd = root, onLine } = {}) {
  if (ended) throw new CommandFailure("interrupted");
  mkdirSync(logs, { recursive: true });
  const path = join(logs, `${log}.log`);
  const file = createWriteStream(path);
  const line = [command, ...args].map(quote).join(" ");
  file.write(`$ ${line}\n`);

  const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  if (child.pid !== undefined) running.add(child);
  child.on("exit", () => running.delete(child));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      file.write(text);
      output = (output + text).slice(-20_000);
      const last = text
        .trimEnd()
        .split(/[\r\n]/)
        .at(-1)
        .trim();
      if (last) onLine?.(last);
    });
  }
  const ending = await new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) =>
      resolve(code === 0 ? null : `ended with ${signal ?? `status ${code}`}`),
    );
  });
  await new Promise((resolve) => file.end(resolve));
  if (ending === null) return output;
  const tail = output.trimEnd().split("\n").slice(-TAIL_LINES);
  throw new CommandFailure(
    [...tail, "", `${ending}: ${line}`, `in ${cwd}; the whole output is in ${shown(path)}`].join("\n"),
  );
}

function quote(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
