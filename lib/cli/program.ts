import { readFileSync } from "node:fs";
import { Command } from "commander";
import { demoCommand } from "./demo/options.js";
import { doctorCommand } from "./doctor.js";
import { explainCommand } from "./explain.js";
import { profileCommand } from "./profile/options.js";

/** Everything that `rocm-attention` can be told. */
export function buildProgram(): Command {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return new Command("rocm-attention")
    .description("The attention layer of an LLM server on AMD GPUs.")
    .version(version)
    .addCommand(explainCommand())
    .addCommand(doctorCommand(version))
    .addCommand(demoCommand(async (options) => (await import("./demo/demo.js")).runDemo(options)))
    .addCommand(
      profileCommand(async (...words) => (await import("./profile/profile.js")).runProfile(...words)),
    );
}

/** vLLM takes `-tp 8`, which commander reads as -t with the value "p". */
export function withLongOptions(words: readonly string[]): string[] {
  return words.map((word) => word.replace(/^(-tp|--tensor-parallel-size)(?==|$)/, "--tp"));
}
