import { Argument, Command, Option } from "commander";
import { EMULATED_ARCHS, type EmulatedArch } from "../../device/device.js";
import { EXAMPLE_NAMES, type ExampleName } from "./examples.js";

export interface ProfileOptions {
  readonly arch: EmulatedArch;
  readonly svg?: string;
  readonly json?: true;
  readonly schedules?: true;
}

/** `rocm-attention profile`: counts of what an example's kernels do on the emulator; `run` gets the options. */
export function profileCommand(
  run: (example: ExampleName, options: ProfileOptions) => Promise<void>,
): Command {
  return new Command("profile")
    .description("count what attention kernels execute and touch on the emulator, and show where")
    .addArgument(new Argument("<example>", "the attention step to run").choices(EXAMPLE_NAMES))
    .addOption(new Option("--arch <target>", "the emulated GPU").choices(EMULATED_ARCHS).default("gfx942"))
    .option(
      "--svg <file>",
      "draw the step to this file: its time, what binds each kernel, where the clocks go",
    )
    .option("--json", "print one JSON object, with every instruction")
    .addOption(
      new Option(
        "--schedules",
        "run under other orders of waves and delays of memory, and name launches whose results differ",
      ).conflicts("svg"),
    )
    .action(run);
}
