import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** What outlives a clone: the Python environment, a toolchain unpacked without root, built kernels. */
export const cache =
  process.env.ROCM_ATTENTION_CACHE ||
  join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "rocm-attention");

export const logs = join(root, "build", "logs");

/** A path as the reader would type it from the project's folder. */
export function shown(path) {
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path;
}
