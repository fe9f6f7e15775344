import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { llvmTool, noAssembler } from "./assemble.js";

const disassembler = fileURLToPath(
  new URL("../../build/Release/rocm_emulator_disassembler", import.meta.url),
);

/** Why instructions cannot be compared, or null. */
export const noDisassembler =
  noAssembler ?? (existsSync(disassembler) ? null : "the emulator's disassembler is not built");

/** So many objects at a time that a command line holds them. */
const CHUNK = 50;

/** The different instructions of objects as llvm-objdump sees them: text by dwords in hexadecimal. */
export async function objdump(paths: readonly string[], arch: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (let first = 0; first < paths.length; first += CHUNK) {
    const objects = paths.slice(first, first + CHUNK);
    const program = spawn(llvmTool("llvm-objdump-22"), ["-d", `--mcpu=${arch}`, ...objects], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    for await (const line of createInterface({ input: program.stdout })) {
      const comment = line.indexOf("// ");
      if (comment < 0) continue;
      // "s_branch 3 // 000000001710: BF820003 <kernel+0x20>"
      const [words] = line.slice(line.indexOf(":", comment) + 1).split("<", 1);
      found.set(words!.trim(), line.slice(0, comment).trim());
    }
  }
  return found;
}

/** What the emulator says of the same instructions: their dwords and text, null where it knows none. */
function emulator(instructions: Iterable<string>, arch: string): ({ dwords: number; text: string } | null)[] {
  const input = [...instructions].join("\n");
  const output = execFileSync(disassembler, [arch], { input, encoding: "utf8", maxBuffer: 2 ** 28 });
  return output
    .trimEnd()
    .split("\n")
    .map((line) => {
      const space = line.indexOf(" ");
      return space < 0 ? null : { dwords: Number(line.slice(0, space)), text: line.slice(space + 1) };
    });
}

const mnemonic = (text: string) => text.split(" ")[0]!;

/** Instructions that are not modelled, or whose mnemonic or length differ. */
export function gaps(instructions: Map<string, string>, arch: string): string[] {
  const ours = emulator(instructions.keys(), arch);
  return [...instructions].flatMap(([words, text], index) => {
    const other = ours[index];
    const same = other?.dwords === words.split(" ").length && mnemonic(other.text) === mnemonic(text);
    if (same && !other.text.endsWith("; not modelled")) return [];
    return [`${text} (${words}): ${other?.text ?? "unknown"}`];
  });
}
