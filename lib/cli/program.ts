import { Command, type CommanderError } from "commander";
import { RocmAttentionError } from "../errors.js";
import { packageVersion } from "../package.js";
import { failureOf } from "../selection/failure.js";
import { nearestName } from "../selection/registry.js";
import { benchCommand } from "./bench/options.js";
import { demoCommand } from "./demo/options.js";
import { doctorCommand } from "./doctor.js";
import { plainWords } from "./explain/words.js";
import { explainCommand } from "./explain.js";
import { kernelsCommand } from "./kernels.js";
import { profileCommand } from "./profile/options.js";

type Demo = Parameters<typeof demoCommand>[0];

/**
 * Runs the command that `words` ask for, the demo by `demo`. A failure is printed, as one JSON object where they have
 * --json, and becomes the process's exit status.
 */
export async function runCommand(
  words: readonly string[],
  demo: Demo = async (options) => (await import("./demo/demo.js")).runDemo(options),
): Promise<void> {
  try {
    const program = buildProgram(demo);
    await program.parseAsync(checkedWords(program, words), { from: "user" });
  } catch (error) {
    if (!(error instanceof RocmAttentionError)) throw error;
    if (words.includes("--json")) console.log(JSON.stringify({ error: failureOf(error) }, null, 2));
    else console.error(`${error.code}: ${error.message}`);
    process.exitCode = 1;
  }
}

function buildProgram(demo: Demo): Command {
  const version = packageVersion()!;
  const program = new Command("rocm-attention")
    .description("The attention layer of an LLM server on AMD GPUs.")
    .version(version)
    .addHelpText(
      "after",
      "\nEvery command takes --json: one JSON object on standard output, in success and failure alike ({ error }).\nIt ends with status 0, or 1 where it has failed.",
    )
    .addCommand(explainCommand())
    .addCommand(doctorCommand(version))
    .addCommand(kernelsCommand())
    .addCommand(demoCommand(demo))
    .addCommand(benchCommand(async (options) => (await import("./bench/bench.js")).runBench(options)))
    .addCommand(
      profileCommand(async (...words) => (await import("./profile/profile.js")).runProfile(...words)),
    );
  const nested = program.commands.flatMap((command) => command.commands);
  for (const command of [program, ...program.commands, ...nested]) {
    command
      .showSuggestionAfterError(false)
      .configureOutput({ outputError: () => {} })
      .exitOverride((error) => throwWrongWords(command, error));
  }
  return program;
}

/** Refuses a command that there is not, which --help would pass over, and spells vLLM's options in one way. */
function checkedWords(program: Command, words: readonly string[]): string[] {
  const [first, ...rest] = words;
  if (first === undefined || first.startsWith("-")) return [...words];
  const commands = [...program.commands.map((command) => command.name()), "help"];
  const asked = first === "help" ? (rest.find((word) => !word.startsWith("-")) ?? first) : first;
  if (!commands.includes(asked)) {
    throw wrongWords(`unknown command '${asked}'`, "command", asked, commands);
  }
  if (first !== "explain") return [...words];
  const { options } = program.commands.find((command) => command.name() === first)!;
  return [first, ...plainWords(rest, ["--help", ...options.map(({ long }) => long!)])];
}

/** Commander's complaint as this package's error; its --help and --version are no complaints. */
function throwWrongWords(command: Command, { exitCode, code, message }: CommanderError): void {
  if (exitCode === 0 || code === "commander.help") return;
  const text = message.replace(/^error: /, "").replace(/\.$/, "");
  const unknown = /^unknown option '(.*)'/.exec(text)?.[1];
  if (unknown !== undefined) {
    throw wrongWords(
      text,
      unknown,
      unknown,
      command.options.map(({ long }) => long!),
    );
  }
  const [, word = "", choices = ""] = /'([^']*)' is invalid.*Allowed choices are (.*)$/.exec(text) ?? [];
  const argument = /^(?:option|command-argument value .* for argument) '([\w-]+)/.exec(text)?.[1];
  throw wrongWords(text, argument, word, choices.split(", "));
}

function wrongWords(
  message: string,
  argument: string | undefined,
  word: string,
  names: readonly string[],
): RocmAttentionError {
  const nearest = nearestName(word, names);
  const hint = nearest === null ? "" : ` Did you mean ${nearest}?`;
  const details = argument === undefined ? {} : { argument };
  return new RocmAttentionError("ERR_INVALID_ARGUMENT", `${message}.${hint}`, details);
}
