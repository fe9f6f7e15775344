import { createHash } from "node:crypto";
import { readFileSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import type { Catalog } from "../catalog/choose.js";
import { CONTRACT, type KernelRow, type Manifest } from "../catalog/manifest.js";
import { parseManifest } from "../catalog/parse-manifest.js";
import { bareTarget, PACKAGED_TARGETS } from "../catalog/targets.js";
import type { Environment } from "../config.js";
import type { Device } from "../device/device.js";
import type { Kernel, Module } from "../device/module.js";
import { RocmAttentionError } from "../errors.js";
import { embeddedFile } from "./embedded.js";
import { type KernelSource, kernelSources, requireTrusted } from "./sources.js";

/** A kernel's row, with the folder where it lies. */
export interface LocatedRow extends KernelRow {
  /** The GPU target: "gfx942". */
  readonly target: string;
  /** The folder in which manifest and code object lie. */
  readonly folder: string;
  /** The reason why that folder was looked at. */
  readonly source: KernelSource["source"];
}

/** A folder of kernels for one target, with its manifest read and checked. */
export interface KernelFolder extends KernelSource {
  readonly manifest: Manifest;
}

const MAX_MANIFEST_BYTES = 16 * 2 ** 20;

/** Manifests by path, read again where the file has changed. */
const manifests = new Map<string, { readonly mtimeMs: number; readonly manifest: Manifest }>();

/**
 * The folders of a target, the first before the others; those of another contract are among them, without kernels.
 * ERR_KERNEL_CORRUPT where a manifest is damaged, ERR_KERNEL_UNTRUSTED where others may write it.
 */
export function kernelFolders(target: string, env: Environment = process.env): KernelFolder[] {
  const folders = new Map<string, KernelFolder>();
  for (const source of kernelSources(target, env)) {
    const manifest = readManifest(source);
    if (manifest?.target === target && !folders.has(source.path)) {
      folders.set(source.path, { ...source, manifest });
    }
  }
  return [...folders.values()];
}

function readManifest({ path: folder, source, target }: KernelSource): Manifest | null {
  if (source === "embedded") return readEmbedded(folder, target);
  const path = join(folder, "manifest.json");
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return null;
  requireTrusted(folder, source);
  requireTrusted(path, source, stats);
  const known = manifests.get(path);
  if (known?.mtimeMs === stats.mtimeMs) return known.manifest;
  if (!stats.isFile() || stats.size > MAX_MANIFEST_BYTES) {
    throw new RocmAttentionError(
      "ERR_KERNEL_CORRUPT",
      `expected a file of at most ${MAX_MANIFEST_BYTES} bytes at ${path}, received ${stats.isFile() ? `${stats.size}` : "no regular file"}`,
    );
  }
  const manifest = parseManifest(readBytes(path).toString("utf8"), path);
  manifests.set(path, { mtimeMs: stats.mtimeMs, manifest });
  return manifest;
}

/** Embedded manifests by path. */
const embedded = new Map<string, Manifest>();

function readEmbedded(path: string, target: string): Manifest | null {
  const known = embedded.get(path);
  if (known !== undefined) return known;
  const bytes = embeddedFile(target, "manifest.json");
  if (bytes === null) return null;
  const manifest = parseManifest(Buffer.from(bytes).toString("utf8"), path);
  embedded.set(path, manifest);
  return manifest;
}

/** The catalog of installed kernels; one of the same folders is the same object, so that its index is made once. */
const catalogs = new Map<string, Catalog<LocatedRow>>();

/** The kernels of these targets on this machine: the union of their folders, of rows with one id the first. */
export function installedKernels(
  targets: readonly string[] = PACKAGED_TARGETS,
  env: Environment = process.env,
): Catalog<LocatedRow> {
  const folders = targets.flatMap((target) => kernelFolders(target, env));
  const key = folders.map(({ path }) => `${path}:${manifests.get(join(path, "manifest.json"))?.mtimeMs}`);
  const known = catalogs.get(key.join("\n"));
  if (known !== undefined) return known;
  const rows = new Map<string, LocatedRow>();
  for (const { path, source, target, manifest } of folders) {
    for (const row of manifest.kernels) {
      const id = `${bareTarget(target)} ${row.id}`;
      if (!rows.has(id)) rows.set(id, { ...row, target, folder: path, source });
    }
  }
  const catalog = { name: "installed", kernels: [...rows.values()] };
  catalogs.set(key.join("\n"), catalog);
  return catalog;
}

/** The kernels for a device: of its exact target ("gfx942:sramecc+:xnack-") and of the bare one ("gfx942"). */
export function kernelsForDevice(gcnArchName: string, env: Environment = process.env): Catalog<LocatedRow> {
  return installedKernels([...new Set([gcnArchName, bareTarget(gcnArchName)])], env);
}

/** Folders of kernels that this version cannot launch, in words; they explain why kernels are missing. */
export function otherContracts(target: string, env: Environment = process.env): string[] {
  return kernelFolders(target, env)
    .filter(({ manifest }) => manifest.contract !== CONTRACT)
    .map(
      ({ path, manifest }) =>
        `${path} has kernels of contract ${manifest.contract}, this version launches those of ${CONTRACT}`,
    );
}

/** Reads a row's code object. ERR_KERNEL_CORRUPT where it is missing or not as the manifest says, ERR_KERNEL_UNTRUSTED. */
export function readKernel(row: LocatedRow): Uint8Array {
  const path = join(row.folder, row.file);
  const bytes =
    row.source === "embedded"
      ? embeddedFile(row.target, row.file)
      : readBytes(path, (stats) => requireTrusted(path, row.source, stats));
  if (bytes === null) throw new RocmAttentionError("ERR_KERNEL_CORRUPT", `the addon has no ${path}`);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  if (sha256 === row.sha256) return bytes;
  throw new RocmAttentionError(
    "ERR_KERNEL_CORRUPT",
    `the kernel file ${path} is damaged: its SHA-256 is ${sha256}, the manifest says ${row.sha256}. ` +
      "Build or install the kernels anew",
  );
}

function readBytes(path: string, check?: (stats: Stats) => void): Buffer {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isFile()) {
    check?.(stats);
    try {
      return readFileSync(path);
    } catch (cause) {
      throw new RocmAttentionError("ERR_KERNEL_CORRUPT", `the kernel file ${path} cannot be read`, { cause });
    }
  }
  throw new RocmAttentionError(
    "ERR_KERNEL_CORRUPT",
    `the kernel file ${path} cannot be read: no regular file`,
  );
}

/** Loaded code objects of a device by file: a module serves all attentions of its device, and each of its kernels by symbol. */
const loadedModules = new WeakMap<Device, Map<string, Module>>();

/** The row's kernel on a device; its code object is loaded at the first call, which then blocks. */
export function loadKernel(device: Device, row: LocatedRow): Kernel {
  const modules = loadedModules.get(device) ?? new Map<string, Module>();
  loadedModules.set(device, modules);
  // The hash tells a rebuilt file from the one that was loaded.
  const key = `${join(row.folder, row.file)}:${row.sha256}`;
  const module = modules.get(key) ?? device.loadModule(readKernel(row));
  modules.set(key, module);
  return module.kernel(row.symbol);
}
