import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { installedKernels, type LocatedRow } from "../../lib/kernels/store.js";
import { testManifest } from "../../scripts/setup/kernels.mjs";
import { root } from "../../scripts/setup/paths.mjs";
import { packagedTargets } from "../../scripts/setup/targets.mjs";

const manifestPath = (arch: string): string => join(root, testManifest(arch));

/** Why the kernels that only tests run (CK-tile's, AITER's) cannot be used, or null. */
export const noTestKernels = packagedTargets.every((arch: string) => existsSync(manifestPath(arch)))
  ? null
  : "CK's and AITER's kernels were not built";

/** The kernels for `arch` that only tests run. */
function testKernels(arch: string): { id: string; provider: string; symbol: string; path: string }[] {
  const { kernels } = JSON.parse(readFileSync(manifestPath(arch), "utf8"));
  const folder = dirname(manifestPath(arch));
  return kernels.map((row: { file: string }) => ({ ...row, path: join(folder, row.file) }));
}

/** The paths of a provider's ("ck", "aiter") code objects for `arch`. */
export function testObjectPaths(arch: string, provider: string): string[] {
  return testKernels(arch)
    .filter((kernel) => kernel.provider === provider)
    .map(({ path }) => path);
}

/** The code object and the symbol of a kernel ("ck.fmha_forward.bfloat16.d128"). */
export function testKernel(arch: string, id: string): { code: Buffer; symbol: string } {
  const kernel = testKernels(arch).find((kernel) => kernel.id === id);
  if (kernel === undefined) throw new Error(`no kernel ${id} for ${arch}`);
  return { code: readFileSync(kernel.path), symbol: kernel.symbol };
}

/** The rows of all kernels for a target, those that only tests run among them. */
export function everyRow(arch: string): readonly LocatedRow[] {
  const env = { ROCM_ATTENTION_KERNEL_PATH: join(root, "build", "test-kernels") };
  return installedKernels([arch], env).kernels;
}
