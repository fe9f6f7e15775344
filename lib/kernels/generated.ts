import { createHash, randomUUID } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, sep } from "node:path";
import type { Environment } from "../config.js";
import { requireTrusted } from "./sources.js";
import type { LocatedRow } from "./store.js";

/**
 * The folder of code objects that were made on this machine, as the builder of kernels names it; null for a user without a
 * home: nothing is kept.
 */
function cacheFolder(env: Environment): string | null {
  if (env.ROCM_ATTENTION_CACHE) return env.ROCM_ATTENTION_CACHE;
  if (env.XDG_CACHE_HOME?.startsWith(sep)) return join(env.XDG_CACHE_HOME, "rocm-attention");
  const home = env.HOME ?? homedir();
  return home === "" ? null : join(home, ".cache", "rocm-attention");
}

/** The place of a kernel that a published one is compiled into with the text of a program. */
export interface GeneratedPlace {
  readonly folder: string;
  readonly file: string;
}

/** By content: the program, the kernel that would interpret it, and the target. null where nothing is kept. */
export function generatedPlace(row: LocatedRow, source: string, env: Environment): GeneratedPlace | null {
  const folder = cacheFolder(env);
  if (folder === null) return null;
  const name = createHash("sha256")
    .update(JSON.stringify([row.target, row.id, row.sha256, source]))
    .digest("hex");
  return { folder: join(folder, "generated"), file: `${name}.co` };
}

/** The row of a kernel that was generated; it takes the arguments of `row`. null: there is none. ERR_KERNEL_UNTRUSTED. */
export function generatedRow(row: LocatedRow, source: string, env: Environment): LocatedRow | null {
  const place = generatedPlace(row, source, env);
  if (place === null) return null;
  const path = join(place.folder, place.file);
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return null;
  for (const part of [place.folder, path]) requireTrusted(part, "user");
  const sha256 = createHash("sha256").update(readFileSync(path)).digest("hex");
  const id = row.id.replace("interpreted", "generated");
  return { ...row, ...place, id, variant: "generated", sha256, source: "user" };
}

/** Makes a file in the cache, whole or not at all: `make` writes it under another name. */
export async function storeGenerated(
  { folder, file }: GeneratedPlace,
  make: (path: string) => Promise<void>,
): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const path = join(folder, `${randomUUID()}.new`);
  try {
    await make(path);
    renameSync(path, join(folder, file));
  } finally {
    rmSync(path, { force: true });
  }
}
