import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { everyAiterKernel } from "../../../scripts/setup/aiter.mjs";
import { aiterCodeObjects, everyAiterCodeObject, noAiter } from "../../support/aiter.js";
import { gaps, noDisassembler, objdump } from "../../support/disassembly.js";
import { noCompiler, runtimeKernels } from "../../support/runtime-kernels.js";
import { noTestKernels, testObjectPaths } from "../../support/test-kernels.js";

const build = fileURLToPath(new URL("../../../build", import.meta.url));

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

describe.skipIf(noDisassembler)("the emulator knows every instruction, as llvm-objdump names it,", () => {
  for (const arch of ["gfx942", "gfx950", "gfx90a"]) {
    for (const [provider, objects] of builtKernels(arch)) {
      it(`of the kernels of ${provider} built for ${arch}`, async () => {
        expect(gaps(await objdump(objects, arch), arch)).toEqual([]);
      });
    }

    for (const [provider, name] of [
      ["ck", "CK-tile's attention"],
      ["aiter", "AITER's paged decode"],
    ] as const) {
      it.skipIf(noTestKernels)(`of ${name} for ${arch}`, async () => {
        const instructions = await objdump(testObjectPaths(arch, provider), arch);
        expect(instructions.size).toBeGreaterThan(500);
        expect(gaps(instructions, arch)).toEqual([]);
      });
    }

    it.skipIf(noCompiler)(`of what a compiler makes for ${arch}`, async () => {
      mkdirSync(join(build, "test"), { recursive: true });
      const path = join(build, "test", `decoder-${arch}.co`);
      writeFileSync(path, runtimeKernels(arch));
      expect(gaps(await objdump([path], arch), arch)).toEqual([]);
    });
  }

  // The package has no objects for gfx90a.
  for (const arch of ["gfx942", "gfx950"]) {
    for (const kind of ["fmha_v3_fwd", "pa", "mla"]) {
      it.skipIf(noAiter)(`of AITER's ${kind} for ${arch}`, async () => {
        const objects = aiterCodeObjects(arch).filter((path) => path.includes(`/${kind}/`));
        const instructions = await objdump(objects, arch);
        expect(instructions.size).toBeGreaterThan(1000);
        expect(gaps(instructions, arch)).toEqual([]);
      });
    }

    it(`of all of AITER's code objects for ${arch}`, { timeout: 600_000 }, async ({ skip }) => {
      if (process.env.ROCM_ATTENTION_TEST_ALL !== "1") skip("npm run test:all decodes them");
      if (!everyAiterKernel.isDone()) skip("AITER's code objects were not downloaded");
      const objects = everyAiterCodeObject(arch);
      expect(objects.length).toBeGreaterThan(1000);
      expect(gaps(await objdump(objects, arch), arch)).toEqual([]);
    });
  }
});
