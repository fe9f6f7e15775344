import { parseArgs } from "node:util";

/** Says what is wrong with what was typed, and what could be; ends the process. */
export function refuseWords(message, usage) {
  console.error(`${message}\n\n${usage}`);
  process.exit(2);
}

/**
 * What was typed behind a script's name, checked: `options` as parseArgs has them, and "--help", which prints `usage`. Ends the
 * process there, and where something else was typed.
 */
export function parseWords(usage, { options = {}, positionals = false } = {}) {
  let parsed;
  try {
    const help = { type: "boolean", short: "h" };
    parsed = parseArgs({ options: { ...options, help }, allowPositionals: positionals });
  } catch (error) {
    refuseWords(error.message, usage);
  }
  if (parsed.values.help) {
    console.log(usage);
    process.exit(0);
  }
  return parsed;
}
