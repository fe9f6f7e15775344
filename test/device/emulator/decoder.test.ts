import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { aiterCodeObjects, noAiter } from "../../support/aiter.js";
import { llvmTool, noAssembler } from "../../support/assemble.js";
import { noCompiler, runtimeKernels } from "../../support/runtime-kernels.js";
import { noTestKernels, testObjectPaths } from "../../support/test-kernels.js";

const build = fileURLToPath(new URL("../../../build", import.meta.url));
const disassembler = join(build, "Release", "rocm_emulator_disassembler");
const skipped = noAssembler ?? (existsSync(disassembler) ? null : "the emulator's disassembler is not built");

/** The different instructions of objects as llvm-objdump sees them: text by dwords in hexadecimal. */
function objdump(paths: readonly string[], arch: string): Map<string, string> {
  const output = execFileSync(llvmTool("llvm-objdump-22"), ["-d", `--mcpu=${arch}`, ...paths], {
    encoding: "utf8",
    maxBuffer: 2 ** 29,
  });
  const found = new Map<string, string>();
  for (const line of output.split("\n")) {
    const comment = line.indexOf("// ");
    if (comment < 0) continue;
    // "s_branch 3 // 000000001710: BF820003 <kernel+0x20>"
    const [words] = line.slice(line.indexOf(":", comment) + 1).split("<", 1);
    found.set(words!.trim(), line.slice(0, comment).trim());
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
function gaps(instructions: Map<string, string>, arch: string): string[] {
  const ours = emulator(instructions.keys(), arch);
  return [...instructions].flatMap(([words, text], index) => {
    const other = ours[index];
    const same = other?.dwords === words.split(" ").length && mnemonic(other.text) === mnemonic(text);
    if (same && !other.text.endsWith("; not modelled")) return [];
    return [`${text} (${words}): ${other?.text ?? "unknown"}`];
  });
}

/** The code objects of the kernels built for `arch`, by provider. */
function builtKernels(arch: string): Map<string, string[]> {
  const folder = join(build, "kernels", arch);
  const byProvider = new Map<string, string[]>();
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (!name.endsWith(".co")) continue;
    const provider = name.split(".")[0]!;
    byProvider.set(provider, [...(byProvider.get(provider) ?? []), join(folder, name)]);
  }
  return byProvider;
}

describe.skipIf(skipped)("the emulator knows every instruction, as llvm-objdump names it,", () => {
  for (const arch of ["gfx942", "gfx950", "gfx90a"]) {
    for (const [provider, objects] of builtKernels(arch)) {
      it(`of the kernels of ${provider} built for ${arch}`, () => {
        expect(gaps(objdump(objects, arch), arch)).toEqual([]);
      });
    }

    for (const [provider, name] of [
      ["ck", "CK-tile's attention"],
      ["aiter", "AITER's paged decode"],
    ] as const) {
      it.skipIf(noTestKernels)(`of ${name} for ${arch}`, () => {
        const instructions = objdump(testObjectPaths(arch, provider), arch);
        expect(instructions.size).toBeGreaterThan(500);
        expect(gaps(instructions, arch)).toEqual([]);
      });
    }

    it.skipIf(noCompiler)(`of what a compiler makes for ${arch}`, () => {
      mkdirSync(join(build, "test"), { recursive: true });
      const path = join(build, "test", `decoder-${arch}.co`);
      writeFileSync(path, runtimeKernels(arch));
      expect(gaps(objdump([path], arch), arch)).toEqual([]);
    });
  }

  // The package has no objects for gfx90a.
  for (const arch of ["gfx942", "gfx950"]) {
    for (const kind of ["fmha_v3_fwd", "pa", "mla"]) {
      it.skipIf(noAiter)(`of AITER's ${kind} for ${arch}`, () => {
        const objects = aiterCodeObjects(arch).filter((path) => path.includes(`/${kind}/`));
        const instructions = objdump(objects, arch);
        expect(instructions.size).toBeGreaterThan(1000);
        expect(gaps(instructions, arch)).toEqual([]);
      });
    }
  }
});
