import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import { type KernelRow, type Manifest, parseManifest } from "../catalog/manifest.js";
import { PACKAGED_TARGETS } from "../catalog/targets.js";
import type { Device } from "../device/device.js";
import type { Kernel, Module } from "../device/module.js";
import { RocmAttentionError } from "../errors.js";
import { packageRoot } from "../native.js";

/** A folder of kernels for one target, with its manifest read and checked. */
export interface KernelFolder {
  readonly path: string;
  readonly manifest: Manifest;
}

/** Where kernel folders are looked for, with what says so: the first folder of a target wins. */
export interface KernelLocation {
  readonly target: string;
  readonly path: string;
  readonly source: "ROCM_ATTENTION_KERNEL_PATH" | "package" | "build";
}

/**
 * All places of a target's kernels in the order in which they are tried: the folders of ROCM_ATTENTION_KERNEL_PATH (each a
 * kernel folder, or a folder of such by target), the installed package @rocm-attention/kernels-<target>, this project's
 * own build.
 */
export function kernelLocations(target: string, env: NodeJS.ProcessEnv = process.env): KernelLocation[] {
  const locations: KernelLocation[] = [];
  for (const folder of (env.ROCM_ATTENTION_KERNEL_PATH ?? "").split(delimiter).filter(Boolean)) {
    for (const path of [join(folder, target), folder]) {
      locations.push({ target, path, source: "ROCM_ATTENTION_KERNEL_PATH" });
    }
  }
  const installed = installedPackage(target);
  if (installed !== null) locations.push({ target, path: installed, source: "package" });
  locations.push({ target, path: join(packageRoot, "build", "kernels", target), source: "build" });
  return locations;
}

/** From this package, and from where the program was started: package managers put it in the one or the other. */
function installedPackage(target: string): string | null {
  for (const from of [join(packageRoot, "package.json"), join(process.cwd(), "package.json")]) {
    try {
      return dirname(createRequire(from).resolve(`@rocm-attention/kernels-${target}/manifest.json`));
    } catch {
      // Not installed there.
    }
  }
  return null;
}

/** The version of this package: kernels of another one are passed over, for they may mean something else. */
const packageVersion: string = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")).version;

/** The kernels of a target, from the first place that has them in this package's version; null where none has. */
export function findKernelFolder(target: string, env: NodeJS.ProcessEnv = process.env): KernelFolder | null {
  for (const { path } of kernelLocations(target, env)) {
    const file = join(path, "manifest.json");
    if (!existsSync(file)) continue;
    const manifest = parseManifest(readFileSync(file, "utf8"), file);
    if (manifest.target === target && manifest.version === packageVersion) return { path, manifest };
  }
  return null;
}

/** The folders of all targets that are there. */
export function installedKernels(env: NodeJS.ProcessEnv = process.env): KernelFolder[] {
  return PACKAGED_TARGETS.flatMap((target) => findKernelFolder(target, env) ?? []);
}

/**
 * The kernels for a device: of its exact target ("gfx942:sramecc+:xnack-"), else of the bare one ("gfx942").
 * ERR_NO_KERNELS_FOR_ARCH says what there is and how to get what is not.
 */
export function kernelsFor(gcnArchName: string, env: NodeJS.ProcessEnv = process.env): KernelFolder {
  const bare = gcnArchName.split(":", 1)[0]!;
  const folder = findKernelFolder(gcnArchName, env) ?? findKernelFolder(bare, env);
  if (folder !== null) return folder;
  const targets = installedKernels(env).map(({ manifest }) => manifest.target);
  throw new RocmAttentionError(
    "ERR_NO_KERNELS_FOR_ARCH",
    `there are no kernels of version ${packageVersion} for ${bare}; installed: ${targets.join(", ") || "none"}. ` +
      `Add them with: npm install @rocm-attention/kernels-${bare}   (in a clone: kernels/build --target ${bare})`,
  );
}

/** Loaded code objects of a device by file: a module serves all attentions of its device, and each of its kernels by symbol. */
const loadedModules = new WeakMap<Device, Map<string, Module>>();

/** Reads a row's code object. ERR_KERNEL_CORRUPT where it is missing or not what the manifest says. */
export function readKernel(folder: KernelFolder, row: KernelRow): Uint8Array {
  const file = join(folder.path, row.file);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new RocmAttentionError("ERR_KERNEL_CORRUPT", `the kernel file ${file} cannot be read`, { cause });
  }
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  if (sha256 === row.sha256) return bytes;
  throw new RocmAttentionError(
    "ERR_KERNEL_CORRUPT",
    `the kernel file ${file} is damaged: its SHA-256 is ${sha256}, the manifest says ${row.sha256}. ` +
      "Build or install the kernels anew",
  );
}

/** The row's kernel on a device; its code object is loaded at the first call, which then blocks. */
export function loadKernel(device: Device, folder: KernelFolder, row: KernelRow): Kernel {
  const modules = loadedModules.get(device) ?? new Map<string, Module>();
  loadedModules.set(device, modules);
  const file = join(folder.path, row.file);
  const module = modules.get(file) ?? device.loadModule(readKernel(folder, row));
  modules.set(file, module);
  return module.kernel(row.symbol);
}
