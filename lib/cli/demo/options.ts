import { Command, InvalidArgumentError, Option } from "commander";
import { type DeviceChoice, parseDevice } from "../device-choice.js";
import { wholeNumber } from "../whole-number.js";

export interface DemoOptions {
  /** By its attention: grouped-query, or DeepSeek's latent attention. */
  readonly model: "gqa" | "mla";
  readonly prompt?: string;
  readonly tokens: number;
  readonly sequences: number;
  readonly temperature: number;
  readonly seed: number;
  readonly backend?: string;
  readonly device?: DeviceChoice;
  readonly graphs: boolean;
  readonly json?: true;
}

/** Bytes of context that the model has seen in training; it goes on beyond them, but not as well. */
export const TRAINED_CONTEXT = 512;

const MAX_BYTES = 4096;

/** The options of the demo, checked; `run` gets them. */
export function demoCommand(run: (options: DemoOptions) => Promise<void>): Command {
  return new Command("demo")
    .description(
      "write English with a tiny language model whose attention runs on the GPU, or on an emulated one",
    )
    .option(
      "--prompt <text>",
      "the text to continue (default: openings in Jane Austen's manner)",
      parsePrompt,
    )
    .addOption(
      new Option("--model <kind>", "by its attention: grouped-query, or latent as DeepSeek's")
        .choices(["gqa", "mla"])
        .default("gqa"),
    )
    .option("--tokens <count>", "bytes to write per sequence", integer(1, MAX_BYTES), 300)
    .option("--sequences <count>", "texts to write at the same time", integer(1, 64), 1)
    .option(
      "--temperature <value>",
      "0 takes the likeliest byte; higher is more varied",
      parseTemperature,
      0.7,
    )
    .option("--seed <number>", "another seed, another text", integer(0, 2 ** 31 - 1), 1)
    .option("--backend <name>", "the attention backend (default: chosen as VLLM_* variables say)")
    .option(
      "--device <device>",
      "a GPU's ordinal, or emulator:<arch> (default: ROCM_ATTENTION_DEVICE, else the first GPU, else emulator:gfx942)",
      (text: string) => parseDevice(text, "--device"),
    )
    .option("--no-graphs", "enqueue every step anew, instead of decode steps as graphs")
    .option("--json", "print one JSON object instead of the text and the table")
    .action(run);
}

function integer(least: number, most: number) {
  return (text: string) => {
    const value = wholeNumber(text);
    if (value !== null && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`expected a whole number from ${least} to ${most}.`);
  };
}

function parseTemperature(text: string): number {
  const value = Number(text);
  if (value >= 0 && value <= 100 && text.trim() !== "") return value;
  throw new InvalidArgumentError("expected a number from 0 to 100.");
}

function parsePrompt(text: string): string {
  const bytes = Buffer.byteLength(text);
  if (bytes >= 1 && bytes <= MAX_BYTES) return text;
  throw new InvalidArgumentError(`expected 1 to ${MAX_BYTES} bytes, received ${bytes}.`);
}
