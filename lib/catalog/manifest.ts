import { RocmAttentionError } from "../errors.js";

/** The version of the manifest's layout that this package reads. */
export const MANIFEST_SCHEMA = 1;

export const KERNARG_TYPES = ["pointer", "int32", "int64", "float32"] as const;
export type KernargType = (typeof KERNARG_TYPES)[number];

/** One explicit argument of a kernel. Offsets and sizes are bytes in the kernarg segment. */
export interface Kernarg {
  readonly name: string;
  readonly type: KernargType;
  readonly offset: number;
  readonly size: number;
}

/** What a kernel can do. */
export interface KernelCapabilities {
  readonly dtypes: readonly string[];
  /** "auto": the cache is stored in the dtype of the query. */
  readonly kvCacheDtypes: readonly string[];
  readonly headSizes: readonly number[];
  /** Tokens of a cache block that it is made for; null: any multiple of 16. */
  readonly blockSize: number | null;
  /** Of "slidingWindow", "alibi", "logitsSoftCap", "sinks". */
  readonly features: readonly string[];
}

/** One row of a manifest: a kernel as data, whatever made it. */
export interface KernelRow {
  readonly id: string;
  readonly provider: string;
  readonly operation: string;
  /** The code object, beside the manifest. */
  readonly file: string;
  readonly sha256: string;
  readonly symbol: string;
  readonly kernargs: readonly Kernarg[];
  /** Of the whole segment: what lies behind the explicit arguments is zero. */
  readonly kernargBytes: number;
  /** Work-items of a workgroup. */
  readonly block: number;
  /** Dynamic LDS that a launch gives. */
  readonly ldsBytes: number;
  /** Vector registers per lane, accumulation registers included. */
  readonly vgprs: number;
  /** Private memory per lane; 0 in every kernel of ours. */
  readonly scratchBytes: number;
  /** Waves that a SIMD holds, by registers and LDS. */
  readonly wavesPerSimd: number;
  /** The launch's grid, for people. */
  readonly grid: string;
  /** Sizes of the kernel's tile that the launch depends on: "rows" (query tokens x heads), "keys". */
  readonly tile: Readonly<Record<string, number>>;
  readonly capabilities: KernelCapabilities;
  readonly verified: "none" | "emulator" | "hardware";
  readonly compiler: { readonly name: string; readonly version: string };
}

/** The contents of a kernel folder. */
export interface Manifest {
  readonly schema: typeof MANIFEST_SCHEMA;
  /** Of the package; kernels of another version are not used. */
  readonly version: string;
  /** "gfx942" */
  readonly target: string;
  readonly waveSize: number;
  readonly kernels: readonly KernelRow[];
}

/** Reads a manifest. Throws ERR_KERNEL_CORRUPT that names `path` and what is wrong in it. */
export function parseManifest(text: string, path: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RocmAttentionError(
      "ERR_KERNEL_CORRUPT",
      `${path} is not JSON: build or install the kernels anew`,
      {
        cause,
      },
    );
  }
  const check = new Checker(path);
  const manifest = check.object(value, "manifest");
  if (manifest.schema !== MANIFEST_SCHEMA) {
    check.fail("schema", `${MANIFEST_SCHEMA}, the schema that this version reads`, manifest.schema);
  }
  check.string(manifest.version, "version");
  check.string(manifest.target, "target");
  check.count(manifest.waveSize, "waveSize", 1);
  const ids = new Set<string>();
  for (const [index, kernel] of check.array(manifest.kernels, "kernels").entries()) {
    checkRow(check, kernel, `kernels[${index}]`);
    const { id } = kernel as KernelRow;
    if (ids.has(id)) check.fail(`kernels[${index}].id`, "an id of its own", id);
    ids.add(id);
  }
  return value as Manifest;
}

function checkRow(check: Checker, value: unknown, at: string): void {
  const row = check.object(value, at);
  for (const key of ["id", "provider", "operation", "file", "symbol", "grid"])
    check.string(row[key], `${at}.${key}`);
  if (/[/\\]/.test(row.file as string))
    check.fail(`${at}.file`, "the name of a file beside the manifest", row.file);
  if (!/^[0-9a-f]{64}$/.test(check.string(row.sha256, `${at}.sha256`))) {
    check.fail(`${at}.sha256`, "64 hexadecimal digits", row.sha256);
  }
  for (const key of ["kernargBytes", "ldsBytes", "vgprs", "scratchBytes"])
    check.count(row[key], `${at}.${key}`);
  for (const key of ["block", "wavesPerSimd"]) check.count(row[key], `${at}.${key}`, 1);
  let end = 0;
  for (const [index, value] of check.array(row.kernargs, `${at}.kernargs`).entries()) {
    const place = `${at}.kernargs[${index}]`;
    const kernarg = check.object(value, place);
    check.string(kernarg.name, `${place}.name`);
    check.oneOf(kernarg.type, KERNARG_TYPES, `${place}.type`);
    const offset = check.count(kernarg.offset, `${place}.offset`);
    const size = check.count(kernarg.size, `${place}.size`);
    if (size !== (kernarg.type === "pointer" || kernarg.type === "int64" ? 8 : 4)) {
      check.fail(`${place}.size`, `the size of ${kernarg.type}`, size);
    }
    if (offset < end || offset % size !== 0)
      check.fail(`${place}.offset`, `an aligned offset from ${end} on`, offset);
    end = offset + size;
  }
  if (end > (row.kernargBytes as number))
    check.fail(`${at}.kernargBytes`, `at least ${end}`, row.kernargBytes);
  for (const [name, size] of Object.entries(check.object(row.tile, `${at}.tile`))) {
    check.count(size, `${at}.tile.${name}`, 1);
  }
  const capabilities = check.object(row.capabilities, `${at}.capabilities`);
  const entries = (key: string) => [...check.array(capabilities[key], `${at}.capabilities.${key}`).entries()];
  for (const key of ["dtypes", "kvCacheDtypes", "features"]) {
    for (const [index, word] of entries(key)) check.string(word, `${at}.capabilities.${key}[${index}]`);
  }
  for (const [index, size] of entries("headSizes")) {
    check.count(size, `${at}.capabilities.headSizes[${index}]`, 1);
  }
  if (capabilities.blockSize !== null) check.count(capabilities.blockSize, `${at}.capabilities.blockSize`, 1);
  check.oneOf(row.verified, ["none", "emulator", "hardware"], `${at}.verified`);
  const compiler = check.object(row.compiler, `${at}.compiler`);
  check.string(compiler.name, `${at}.compiler.name`);
  check.string(compiler.version, `${at}.compiler.version`);
}

/** Checks values of a manifest; what is wrong makes the whole manifest ERR_KERNEL_CORRUPT. */
class Checker {
  constructor(private readonly path: string) {}

  fail(at: string, expected: string, received: unknown): never {
    throw new RocmAttentionError(
      "ERR_KERNEL_CORRUPT",
      `${this.path}: expected ${expected} for ${at}, received ${JSON.stringify(received)}: ` +
        "build or install the kernels anew",
    );
  }
  object(value: unknown, at: string): Record<string, unknown> {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      this.fail(at, "an object", value);
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
  count(value: unknown, at: string, least = 0): number {
    if (!Number.isSafeInteger(value) || (value as number) < least)
      this.fail(at, `an integer >= ${least}`, value);
    return value as number;
  }
  oneOf(value: unknown, values: readonly string[], at: string): void {
    if (!values.includes(value as string)) this.fail(at, `one of ${values.join(", ")}`, value);
  }
}
