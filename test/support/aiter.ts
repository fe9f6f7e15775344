import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { aiter, aiterObjects, everyAiterObject } from "../../scripts/setup/aiter.mjs";

/** Why AITER's code objects cannot be used, or null. */
export const noAiter = aiter.isDone() ? null : "AITER's code objects were not downloaded";

/** The paths of AITER's code objects of attention kernels for `arch`; none for targets that it has none for. */
export const aiterCodeObjects = (arch: string) => codeObjectsIn(aiterObjects(arch));

/** Those of all of its code objects. */
export const everyAiterCodeObject = (arch: string) => codeObjectsIn(everyAiterObject(arch));

function codeObjectsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".co"))
    .map((name) => join(folder, name))
    .sort();
}
