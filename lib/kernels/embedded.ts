import { RocmAttentionError } from "../errors.js";
import { native } from "../native.js";

/** A file of a target's kernels that was built into the addon; null where there is none, or no addon. */
export function embeddedFile(target: string, name: string): Uint8Array | null {
  try {
    return native().embeddedFile?.(`${target}/${name}`) ?? null;
  } catch (error) {
    if (error instanceof RocmAttentionError && error.code === "ERR_ADDON") return null;
    throw error;
  }
}

/** The files of a target that were built into the addon below a folder, by their paths there. */
export function embeddedFiles(target: string, folder: string): Map<string, Uint8Array> {
  const prefix = `${target}/${folder}/`;
  const names =
    native()
      .embeddedNames?.()
      .filter((name) => name.startsWith(prefix)) ?? [];
  return new Map(
    names.map((name) => [name.slice(prefix.length), embeddedFile(target, name.slice(target.length + 1))!]),
  );
}
