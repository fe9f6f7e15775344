import { Command } from "commander";
import { type DeviceChoice, parseDevice } from "../device-choice.js";

export interface BenchOptions {
  readonly device?: DeviceChoice;
  readonly shape?: string;
  readonly backend?: string;
  readonly json?: true;
}

/** `rocm-attention bench`: attention timed on this machine's GPU; `run` gets the options. */
export function benchCommand(run: (options: BenchOptions) => Promise<void>): Command {
  return new Command("bench")
    .description(
      "time decodes and prefills on this machine's GPU, against what its memory and matrix units can do",
    )
    .option(
      "--device <device>",
      "a GPU's ordinal, or emulator:<arch> (default: ROCM_ATTENTION_DEVICE, else the first GPU, else emulator:gfx942)",
      (text: string) => parseDevice(text, "--device"),
    )
    .option("--shape <text>", "only shapes with this in their names, such as decode")
    .option("--backend <name>", "the attention backend (default: chosen as VLLM_* variables say)")
    .option("--json", "print one JSON object")
    .action(run);
}
