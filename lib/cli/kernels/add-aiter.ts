import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import table from "../../catalog/aiter-objects.json" with { type: "json" };
import { CONTRACT, type KernelRow, MANIFEST_SCHEMA } from "../../catalog/manifest.js";
import { parseManifest } from "../../catalog/parse-manifest.js";
import { targetOf } from "../../catalog/targets.js";
import type { Environment } from "../../config.js";
import { readCodeObject } from "../../device/code-object.js";
import { RocmAttentionError } from "../../errors.js";
import { userFolder } from "../../kernels/sources.js";
import { type AiterSource, findAiter } from "./aiter-source.js";

/** The version of AITER whose code objects tests have run. */
export const AITER_VERSION = table.version;

/** A row of a manifest, and where the wheel has its code object. */
type ObjectRow = KernelRow & { readonly member: string };
const OBJECTS = table.kernels as unknown as Readonly<Record<string, readonly ObjectRow[]>>;

/** Code objects of AITER as a program finds them: `verified` are those that tests have run, byte for byte. */
export interface AddedKernels {
  readonly target: string;
  /** The user's folder of kernels, where they are now. */
  readonly folder: string;
  readonly verified: readonly string[];
  readonly unverified: readonly string[];
  /** Of other bytes than tests have run, and so left out; and not found. */
  readonly refused: readonly string[];
  readonly missing: readonly string[];
}

/**
 * Copies AITER's code objects into the user's folder of kernels, where attentions find them before those of packages. Only
 * those that tests have run are accepted; with `unverified` others with the same arguments are, and are marked so.
 * ERR_AITER_NOT_INSTALLED, ERR_INVALID_ARGUMENT, ERR_KERNEL_CORRUPT where what is there already cannot be read.
 */
export function addAiter(
  { wheel, unverified = false }: { readonly wheel?: string; readonly unverified?: boolean },
  env: Environment = process.env,
): { readonly source: string; readonly added: AddedKernels[] } {
  const members = Object.values(OBJECTS).flatMap((rows) => rows.map(({ member }) => member));
  const source = findAiter(wheel, members, env);
  if (source === null) {
    throw new RocmAttentionError(
      "ERR_AITER_NOT_INSTALLED",
      "AITER was not found: expected its wheel (--wheel FILE), the folder AITER_ASM_DIR, or the package amd-aiter in Python's. " +
        `The wheel whose objects tests have run: pip download --no-deps amd-aiter==${AITER_VERSION}`,
    );
  }
  const added = Object.keys(OBJECTS).map((target) => addTarget(target, source, unverified, env));
  if (added.every(({ verified, unverified: others }) => verified.length + others.length === 0)) {
    throw new RocmAttentionError(
      "ERR_INVALID_ARGUMENT",
      `${source.name} has no code object that tests have run (those of amd-aiter ${AITER_VERSION}): nothing was added. ` +
        "--unverified takes objects of other versions, whose results nobody has compared",
      { argument: "wheel" },
    );
  }
  return { source: source.name, added };
}

function addTarget(
  target: string,
  source: AiterSource,
  takesOthers: boolean,
  env: Environment,
): AddedKernels {
  const folder = userFolder(target, env);
  if (folder === null) {
    const message = "expected a home folder, or XDG_DATA_HOME, to keep kernels in";
    throw new RocmAttentionError("ERR_INVALID_ARGUMENT", message, { argument: "HOME" });
  }
  const files = new Map<string, Uint8Array>();
  const rows: KernelRow[] = [];
  const sorted = {
    verified: [] as string[],
    unverified: [] as string[],
    refused: [] as string[],
    missing: [] as string[],
  };
  for (const { member, ...row } of OBJECTS[target]!) {
    const bytes = source.read(member);
    if (bytes === null) {
      sorted.missing.push(row.id);
      continue;
    }
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const isKnown = sha256 === row.sha256;
    if (!isKnown && !(takesOthers && takesSameArguments(bytes, row))) {
      sorted.refused.push(row.id);
      continue;
    }
    sorted[isKnown ? "verified" : "unverified"].push(row.id);
    files.set(row.file, bytes);
    const other = { sha256, verified: "none", compiler: { name: "aiter", version: "unknown" } } as const;
    rows.push(isKnown ? row : { ...row, ...other });
  }
  if (rows.length > 0) writeFolder(target, folder, rows, files, source.licence);
  return { target, folder, ...sorted };
}

/** Whether a code object has a row's kernel, with as many bytes of arguments. */
function takesSameArguments(bytes: Uint8Array, { symbol, kernargBytes }: KernelRow): boolean {
  try {
    return readCodeObject(bytes).kernels.get(symbol)?.kernargBytes === kernargBytes;
  } catch {
    return false;
  }
}

/** Adds rows to a folder's manifest, in place of those with the same ids. The manifest comes last: it names what is there. */
function writeFolder(
  target: string,
  folder: string,
  rows: readonly KernelRow[],
  files: ReadonlyMap<string, Uint8Array>,
  licence: string | null,
): void {
  const path = join(folder, "manifest.json");
  const known = existsSync(path) ? parseManifest(readFileSync(path, "utf8"), path).kernels : [];
  const ids = new Set(rows.map(({ id }) => id));
  const kernels = [...known.filter(({ id }) => !ids.has(id)), ...rows];
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  for (const [name, bytes] of files) replaceFile(join(folder, name), bytes);
  if (licence !== null) replaceFile(join(folder, "LICENSE.aiter"), licence);
  const { platform, waveSize } = targetOf(target)!;
  const manifest = { schema: MANIFEST_SCHEMA, contract: CONTRACT, target, platform, waveSize, kernels };
  replaceFile(path, `${JSON.stringify(manifest, null, 1)}\n`);
}

function replaceFile(path: string, content: Uint8Array | string): void {
  const made = `${path}.${process.pid}`;
  writeFileSync(made, content, { mode: 0o644 });
  renameSync(made, path);
}
