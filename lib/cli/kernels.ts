import { Argument, Command } from "commander";
import { columns, terminal } from "./terminal.js";

/** `rocm-attention kernels add`: kernels of others, from where they are on this machine. */
export function kernelsCommand(): Command {
  const add = new Command("add")
    .description(
      "copy AITER's code objects into the user's folder of kernels, from an installed AITER or its wheel",
    )
    .addArgument(new Argument("<provider>").choices(["aiter"]))
    .option(
      "--wheel <file>",
      "a wheel of amd-aiter (default: the folder AITER_ASM_DIR, else the packages of python3)",
    )
    .option("--unverified", "take objects that no test has run, too; explanations and the doctor mark them")
    .option("--json", "print one JSON object")
    .action(async (_, { json, ...options }: { json?: true; wheel?: string; unverified?: true }) => {
      const { addAiter } = await import("./kernels/add-aiter.js");
      const { source, added } = addAiter(options);
      console.log(json ? JSON.stringify({ source, added }, null, 2) : toText(source, added));
    });
  return new Command("kernels")
    .description("add kernels that other projects publish")
    .helpCommand(false)
    .addCommand(add);
}

type Added = ReturnType<typeof import("./kernels/add-aiter.js").addAiter>["added"];

function toText(source: string, added: Added): string {
  const rows = added.map(({ target, folder, verified, unverified, refused, missing }) => ({
    name: target,
    text: `${verified.length + unverified.length} kernels in ${folder}`,
    below: [
      `${verified.length} that tests have run`,
      ...(unverified.length > 0 ? [`unverified: ${unverified.join(", ")}`] : []),
      ...(refused.length > 0 ? [`left out, of bytes that no test has run: ${refused.join(", ")}`] : []),
      ...(missing.length > 0 ? [`not found: ${missing.join(", ")}`] : []),
    ],
  }));
  return [`AITER's code objects from ${source}`, "", ...columns(rows, terminal().width)].join("\n");
}
