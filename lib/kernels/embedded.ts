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
