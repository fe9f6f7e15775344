import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { llvmTool, noAssembler } from "../../support/assemble.js";
import { noCompiler, runtimeKernels } from "../../support/runtime-kernels.js";

const build = fileURLToPath(new URL("../../../build", import.meta.url));
const disassembler = join(build, "Release", "rocm_emulator_disassembler");
const skipped = noAssembler ?? (existsSync(disassembler) ? null : "the emulator's disassembler is not built");

interface Line {
  dwords: number;
  /** Mnemonic and operands. */
  text: string;
  words: string[];
}

/** The instructions of an object as llvm-objdump sees them. */
function objdump(path: string, arch: string): Line[] {
  const text = execFileSync(llvmTool("llvm-objdump-22"), ["-d", `--mcpu=${arch}`, path], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  return text.split("\n").flatMap((line) => {
    const match = /^\s*(\S.*?)\s*\/\/ [0-9A-F]+: ([0-9A-F ]+)/.exec(line);
    if (match === null) return [];
    const words = match[2]!.trim().split(" ");
    return [{ dwords: words.length, text: match[1]!, words }];
  });
}

/** What the emulator says of the same instructions. */
function emulator(lines: Line[], arch: string): (Omit<Line, "words"> | null)[] {
  const input = lines.map(({ words }) => words.join(" ")).join("\n");
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

/** Instructions whose mnemonic or length differ, each kind once. */
function differences(lines: Line[], arch: string): string[] {
  const ours = emulator(lines, arch);
  const found = new Set<string>();
  lines.forEach((line, index) => {
    const other = ours[index];
    const same = other && other.dwords === line.dwords && mnemonic(other.text) === mnemonic(line.text);
    if (!same) found.add(`${line.text} (${line.words.join(" ")}): ${other?.text ?? "unknown"}`);
  });
  return [...found];
}

const targets = ["gfx942", "gfx950", "gfx90a"];

describe.skipIf(skipped)("the decoder agrees with llvm-objdump", () => {
  for (const arch of targets) {
    const folder = join(build, "kernels", arch);
    const objects = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".co")) : [];
    it.skipIf(objects.length === 0)(`on every instruction of the kernels built for ${arch}`, () => {
      for (const name of objects) {
        const lines = objdump(join(folder, name), arch);
        expect(lines.length).toBeGreaterThan(20);
        expect(differences(lines, arch), name).toEqual([]);
      }
    });

    it.skipIf(noCompiler)(`on what a compiler makes for ${arch}`, () => {
      const path = join(build, "test", `decoder-${arch}.co`);
      writeFileSync(path, runtimeKernels(arch));
      expect(differences(objdump(path, arch), arch)).toEqual([]);
    });
  }
});
