import { invalidArgument } from "../../errors.js";

/** One tensor of a safetensors file: its bytes are a view of the file's. */
export interface StoredTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

export interface Safetensors {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** Bytes per element of the dtypes that the demo's models use. */
const ITEM_SIZES: Readonly<Record<string, number>> = { I8: 1, F32: 4 };

/**
 * Reads a safetensors file: u64 header length (little endian), a JSON header of that length, then the tensors'
 * bytes, addressed by [begin, end) behind the header. Everything that the header says is checked against the
 * file; a damaged file throws ERR_INVALID_ARGUMENT.
 */
export function parseSafetensors(file: Uint8Array, name = "file"): Safetensors {
  const fail = (expected: string, received: unknown) => invalidArgument(name, expected, received);
  if (file.byteLength < 8) throw fail("a safetensors file", file);
  const headerBytes = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const start = 8 + headerBytes;
  if (start > file.byteLength) throw fail(`a header of at most ${file.byteLength - 8} bytes`, headerBytes);

  const header = parseHeader(file.subarray(8, start), fail);
  const tensors = new Map<string, StoredTensor>();
  for (const [key, entry] of Object.entries(header)) {
    if (key === "__metadata__") continue;
    const { dtype, shape, data_offsets: offsets } = entry as Record<string, unknown>;
    const itemSize = typeof dtype === "string" ? ITEM_SIZES[dtype] : undefined;
    if (itemSize === undefined) throw fail(`dtype I8 or F32 of ${key}`, dtype);
    if (!isLengths(shape)) throw fail(`a shape of ${key}`, shape);
    if (!isLengths(offsets) || offsets.length !== 2) throw fail(`two data_offsets of ${key}`, offsets);
    const [begin, end] = offsets as [number, number];
    const byteLength = shape.reduce((product, length) => product * length, itemSize);
    if (end - begin !== byteLength || start + end > file.byteLength) {
      throw fail(`${byteLength} bytes inside the file for ${key}`, `[${begin}, ${end})`);
    }
    tensors.set(key, { dtype: dtype as string, shape, bytes: file.subarray(start + begin, start + end) });
  }
  return { metadata: (header.__metadata__ ?? {}) as Record<string, string>, tensors };
}

function parseHeader(bytes: Uint8Array, fail: (expected: string, received: unknown) => Error) {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw fail("a JSON header", (cause as Error).message);
  }
  if (typeof header !== "object" || header === null) throw fail("a header object", header);
  return header as Record<string, unknown>;
}

function isLengths(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}
