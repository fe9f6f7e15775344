import { statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join, sep } from "node:path";
import { checkReadable } from "../arguments.js";
import type { Environment } from "../config.js";
import { invalidArgument, RocmAttentionError } from "../errors.js";
import { log } from "../log.js";
import { installedFile, packageRoot } from "../package.js";

/** A place where the kernels of a target may lie, and the reason why it is looked at. */
export interface KernelSource {
  /** The GPU target: "gfx942". */
  readonly target: string;
  /** The folder, which need not exist; of embedded kernels a name that is no folder. */
  readonly path: string;
  /** The reason why it is looked at. */
  readonly source: "ROCM_ATTENTION_KERNEL_PATH" | "user" | "package" | "build" | "embedded";
}

/**
 * All places of a target's kernels, the first before the others: the folders of ROCM_ATTENTION_KERNEL_PATH (each a kernel
 * folder, or a folder of such by target), the user's data folder, the installed package @rocm-attention/kernels-<target>,
 * this project's own build, and the addon itself, whose path is no folder.
 */
export function kernelSources(target: string, env: Environment = process.env): KernelSource[] {
  const sources: KernelSource[] = [];
  for (const folder of namedFolders(env)) {
    for (const path of [join(folder, target), folder]) {
      sources.push({ target, path, source: "ROCM_ATTENTION_KERNEL_PATH" });
    }
  }
  const path = userFolder(target, env);
  if (path !== null) sources.push({ target, path, source: "user" });
  const installed = installedFile(`@rocm-attention/kernels-${target}/manifest.json`);
  if (installed !== null) sources.push({ target, path: dirname(installed), source: "package" });
  const root = packageRoot();
  if (root !== null) sources.push({ target, path: join(root, "build", "kernels", target), source: "build" });
  sources.push({ target, path: `embedded:${target}`, source: "embedded" });
  return sources;
}

/** The folders that ROCM_ATTENTION_KERNEL_PATH names. */
export function namedFolders(env: Environment = process.env): string[] {
  return (read(env, "ROCM_ATTENTION_KERNEL_PATH") ?? "").split(delimiter).filter(Boolean);
}

/** Where a user's own kernels for a target are kept; null for a user without a home. */
export function userFolder(target: string, env: Environment = process.env): string | null {
  const data = dataFolder(env);
  return data === null ? null : join(data, "kernels", target);
}

function dataFolder(env: Environment): string | null {
  const data = read(env, "XDG_DATA_HOME");
  if (data?.startsWith(sep)) return join(data, "rocm-attention");
  const home = read(env, "HOME") ?? homedir();
  return home === "" ? null : join(home, ".local", "share", "rocm-attention");
}

function read(env: Environment, name: string): string | undefined {
  checkReadable(env, "env", "an object of variables");
  const value: unknown = env[name];
  if (value === undefined || typeof value === "string") return value;
  throw invalidArgument(name, "a string", value);
}

const warned = new Set<string>();

/**
 * Refuses a file or folder of kernels that other users may write: kernels are code that runs. Its owner must be this user,
 * root, or the owner of this package, whose code runs anyway. A path that the variable names is warned about instead.
 * ERR_KERNEL_UNTRUSTED.
 */
export function requireTrusted(
  path: string,
  source: KernelSource["source"],
  stats: { readonly uid: number; readonly mode: number } = statSync(path),
): void {
  if (process.getuid === undefined) return;
  const root = packageRoot();
  const owners = [process.getuid(), 0, ...(root === null ? [] : [statSync(root).uid])];
  const fault = !owners.includes(stats.uid)
    ? `belongs to another user (uid ${stats.uid})`
    : (stats.mode & 0o002) !== 0
      ? "may be written by every user"
      : null;
  if (fault === null) return;
  if (source !== "ROCM_ATTENTION_KERNEL_PATH") {
    throw new RocmAttentionError(
      "ERR_KERNEL_UNTRUSTED",
      `${path} holds GPU code and ${fault}: mend that (chmod o-w, chown), or name its folder in ROCM_ATTENTION_KERNEL_PATH`,
    );
  }
  if (warned.has(path)) return;
  warned.add(path);
  log("warn", `${path}, named by ROCM_ATTENTION_KERNEL_PATH, holds GPU code and ${fault}`);
}
