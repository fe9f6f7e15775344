import { RocmAttentionError } from "../errors.js";
import { VERIFIED } from "./choose.js";
import { CONTRACT, KERNARG_TYPES, type KernelRow, MANIFEST_SCHEMA, type Manifest } from "./manifest.js";
import { FEATURE_LEVELS } from "./serves.js";
import type { Sizes } from "./sizes.js";
import { targetOf } from "./targets.js";

/** Limits of a launch on every target; LDS has the target's own. */
const MAX_KERNARG_BYTES = 4096;
const MAX_WORKGROUP_SIZE = 1024;
const MAX_LDS_BYTES = 160 * 1024;

/** Reads a manifest. Throws ERR_KERNEL_CORRUPT that names `path` and the entry that is wrong. */
export function parseManifest(text: string, path: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const message = `${path} is not JSON: build or install the kernels anew`;
    throw new RocmAttentionError("ERR_KERNEL_CORRUPT", message, { cause });
  }
  const check = new Checker(path);
  const manifest = check.object(value, "manifest");
  if (manifest.schema !== MANIFEST_SCHEMA) {
    check.fail("schema", `${MANIFEST_SCHEMA}, the schema that this version reads`, manifest.schema);
  }
  check.count(manifest.contract, "contract", 1);
  const target = check.string(manifest.target, "target");
  check.oneOf(manifest.platform, ["hip"], "platform");
  check.count(manifest.waveSize, "waveSize", 1);
  // Kernels of another contract are named, not read: their rows may mean something else.
  if (manifest.contract !== CONTRACT) return { ...(value as Manifest), kernels: [] };
  const ids = new Set<string>();
  for (const [index, kernel] of check.array(manifest.kernels, "kernels").entries()) {
    checkRow(
      check,
      kernel,
      `kernels[${index}]`,
      targetOf(target.split(":", 1)[0]!)?.ldsBytes ?? MAX_LDS_BYTES,
    );
    const { id } = kernel as KernelRow;
    if (ids.has(id)) check.fail(`kernels[${index}].id`, "an id of its own", id);
    ids.add(id);
  }
  return value as Manifest;
}

function checkRow(check: Checker, value: unknown, at: string, maxLdsBytes: number): void {
  const row = check.object(value, at);
  for (const key of ["id", "provider", "operation", "symbol", "grid"]) check.string(row[key], `${at}.${key}`);
  for (const key of ["variant", "schedule"]) {
    if (row[key] !== undefined) check.string(row[key], `${at}.${key}`);
  }
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*\.co$/.test(check.string(row.file, `${at}.file`))) {
    check.fail(`${at}.file`, "the name of a .co file beside the manifest", row.file);
  }
  if (!/^[0-9a-f]{64}$/.test(check.string(row.sha256, `${at}.sha256`))) {
    check.fail(`${at}.sha256`, "64 hexadecimal digits", row.sha256);
  }
  if (row.chips !== undefined) {
    for (const chip of check.array(row.chips, `${at}.chips`)) check.count(chip, `${at}.chips`, 1);
  }
  check.count(row.kernargBytes, `${at}.kernargBytes`, 0, MAX_KERNARG_BYTES);
  check.count(row.workgroupSize, `${at}.workgroupSize`, 1, MAX_WORKGROUP_SIZE);
  check.count(row.ldsBytes, `${at}.ldsBytes`, 0, maxLdsBytes);
  checkKernargs(check, row, at);
  for (const [name, size] of Object.entries(check.object(row.tile, `${at}.tile`))) {
    check.count(size, `${at}.tile.${name}`, 1);
  }
  checkServes(check, check.object(row.serves, `${at}.serves`), `${at}.serves`);
  const resources = check.object(row.resources, `${at}.resources`);
  const amdgpu = check.object(resources.amdgpu, `${at}.resources.amdgpu`);
  for (const key of ["vgprs", "scratchBytes"]) check.count(amdgpu[key], `${at}.resources.amdgpu.${key}`);
  check.count(amdgpu.wavesPerSimd, `${at}.resources.amdgpu.wavesPerSimd`, 1);
  check.oneOf(row.verified, VERIFIED, `${at}.verified`);
  if (row.verified === "hardware") {
    const on = check.object(row.verifiedOn, `${at}.verifiedOn`);
    for (const key of ["gpu", "driver", "hip", "date"]) check.string(on[key], `${at}.verifiedOn.${key}`);
  }
  const compiler = check.object(row.compiler, `${at}.compiler`);
  check.string(compiler.name, `${at}.compiler.name`);
  check.string(compiler.version, `${at}.compiler.version`);
  if (row.recipe !== undefined) checkRecipe(check, check.object(row.recipe, `${at}.recipe`), `${at}.recipe`);
}

function checkRecipe(check: Checker, { source, flags }: Record<string, unknown>, at: string): void {
  if (!/^([A-Za-z0-9_-]+\/)*[A-Za-z0-9_-]+\.hip$/.test(check.string(source, `${at}.source`))) {
    check.fail(`${at}.source`, "the path of a .hip file in the folder of sources", source);
  }
  for (const [index, flag] of check.array(flags, `${at}.flags`).entries()) {
    check.string(flag, `${at}.flags[${index}]`);
  }
}

function checkKernargs(check: Checker, row: Record<string, unknown>, at: string): void {
  let end = 0;
  const names = new Set<unknown>();
  for (const [index, value] of check.array(row.kernargs, `${at}.kernargs`).entries()) {
    const place = `${at}.kernargs[${index}]`;
    const kernarg = check.object(value, place);
    check.string(kernarg.name, `${place}.name`);
    if (kernarg.as !== undefined) check.string(kernarg.as, `${place}.as`);
    const name = kernarg.as ?? kernarg.name;
    if (names.has(name)) check.fail(`${place}.name`, "a name of its own", name);
    names.add(name);
    check.oneOf(kernarg.type, KERNARG_TYPES, `${place}.type`);
    const offset = check.count(kernarg.offset, `${place}.offset`);
    const size = check.count(kernarg.size, `${place}.size`);
    const count = kernarg.count === undefined ? 1 : check.count(kernarg.count, `${place}.count`, 1);
    const element = kernarg.type === "pointer" || kernarg.type === "int64" ? 8 : 4;
    if (size !== element * count) check.fail(`${place}.size`, `the size of ${kernarg.type}`, size);
    if (offset < end || offset % element !== 0) {
      check.fail(`${place}.offset`, `an aligned offset from ${end} on`, offset);
    }
    end = offset + size;
  }
  if (end > (row.kernargBytes as number)) {
    check.fail(`${at}.kernargBytes`, `at least ${end}`, row.kernargBytes);
  }
}

function checkServes(check: Checker, serves: Record<string, unknown>, at: string): void {
  for (const key of ["dtypes", "kvCacheDtypes", "layouts", "attentionTypes"]) {
    if (serves[key] === undefined) continue;
    for (const [index, word] of check.array(serves[key], `${at}.${key}`).entries()) {
      check.string(word, `${at}.${key}[${index}]`);
    }
  }
  for (const key of ["headSizes", "blockSizes", "queriesPerKv", "queryTokens"]) {
    if (serves[key] !== undefined) checkSizes(check, serves[key], `${at}.${key}`, key === "headSizes");
  }
  if (serves.maxPartBytes !== undefined) check.count(serves.maxPartBytes, `${at}.maxPartBytes`, 1);
  for (const [name, level] of Object.entries(check.object(serves.features, `${at}.features`))) {
    check.oneOf(level, FEATURE_LEVELS, `${at}.features.${name}`);
  }
}

function checkSizes(check: Checker, value: unknown, at: string, arePairsAllowed: boolean): void {
  const sizes = check.object(value, at) as Partial<Record<"oneOf" | "pairs" | keyof Sizes, unknown>>;
  const [name] = Object.keys(sizes);
  if (name === "oneOf" || (name === "pairs" && arePairsAllowed)) {
    for (const [index, entry] of check.array(sizes[name], `${at}.${name}`).entries()) {
      const place = `${at}.${name}[${index}]`;
      const numbers = name === "oneOf" ? [entry] : check.array(entry, place);
      if (name === "pairs" && numbers.length !== 2) check.fail(place, "two sizes", entry);
      for (const number of numbers) check.count(number, place, 1);
    }
    return;
  }
  for (const [key, number] of Object.entries(sizes)) {
    if (!["min", "max", "multipleOf"].includes(key)) check.fail(`${at}.${key}`, "no such entry", number);
    check.count(number, `${at}.${key}`, 1);
  }
}

/** Checks values of a manifest; anything wrong makes the whole manifest ERR_KERNEL_CORRUPT. */
class Checker {
  constructor(private readonly path: string) {}

  fail(at: string, expected: string, received: unknown): never {
    throw new RocmAttentionError(
      "ERR_KERNEL_CORRUPT",
      `${this.path}: expected ${expected} for ${at}, received ${JSON.stringify(received)?.slice(0, 200)}: ` +
        "build or install the kernels anew",
    );
  }
  object(value: unknown, at: string): Record<string, unknown> {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.fail(at, "an object", value);
    }
    return value as Record<string, unknown>;
  }
  array(value: unknown, at: string): unknown[] {
    if (!Array.isArray(value)) this.fail(at, "an array", value);
    return value;
  }
  string(value: unknown, at: string): string {
    if (typeof value !== "string" || value === "") this.fail(at, "a text", value);
    return value;
  }
  count(value: unknown, at: string, least = 0, most = Number.MAX_SAFE_INTEGER): number {
    if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most) {
      const range = most === Number.MAX_SAFE_INTEGER ? `>= ${least}` : `from ${least} to ${most}`;
      this.fail(at, `an integer ${range}`, value);
    }
    return value as number;
  }
  oneOf(value: unknown, values: readonly string[], at: string): void {
    if (!values.includes(value as string)) this.fail(at, `one of ${values.join(", ")}`, value);
  }
}
