import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Recipe } from "../catalog/manifest.js";
import { kernelCommand } from "../catalog/targets.js";
import { RocmAttentionError } from "../errors.js";
import { embeddedFiles } from "./embedded.js";
import { requireTrusted } from "./sources.js";
import type { LocatedRow } from "./store.js";

const SOURCES = "sources";

/**
 * How a kernel is compiled anew, and the folder of its sources: that beside the kernel, or `scratch`, into which those in the
 * addon are written. ERR_COMPILE where there are none, ERR_KERNEL_UNTRUSTED where others may write them.
 */
export function recipeOf(row: LocatedRow, scratch: string): { recipe: Recipe; cwd: string } {
  const { recipe, source } = row;
  const cwd = source === "embedded" ? writeEmbedded(row, scratch) : join(row.folder, SOURCES);
  if (recipe === undefined || !existsSync(join(cwd, recipe.source))) {
    throw new RocmAttentionError(
      "ERR_COMPILE",
      `the sources of kernels are not in ${row.folder}. Add kernels that have them: ${kernelCommand(row.target)}`,
    );
  }
  if (source !== "embedded") {
    for (const name of readdirSync(cwd, { recursive: true })) requireTrusted(join(cwd, `${name}`), source);
  }
  return { recipe, cwd };
}

function writeEmbedded({ target }: LocatedRow, scratch: string): string {
  for (const [name, bytes] of embeddedFiles(target, SOURCES)) {
    const path = join(scratch, SOURCES, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
  return join(scratch, SOURCES);
}
