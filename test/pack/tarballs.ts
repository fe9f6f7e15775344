import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { packEmulator, packKernels, packMain, packModels } from "../../scripts/pack.mjs";

/** The tarballs that users install, by what is in them. */
export interface Tarballs {
  main: string;
  emulator: string;
  models: string;
  kernels: string;
}

declare module "vitest" {
  export interface ProvidedContext {
    tarballs: Tarballs;
  }
}

/** Packs what is published, once for all tests. */
export default async function pack({ provide }: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), "rocm-attention-tarballs-"));
  const main = await packMain(folder); // builds what the emulator's package needs
  const [emulator, models, kernels] = [
    await packEmulator(folder),
    await packModels(folder),
    await packKernels("gfx942", folder),
  ];
  provide("tarballs", { main, emulator, models, kernels });
  return () => rmSync(folder, { recursive: true });
}
