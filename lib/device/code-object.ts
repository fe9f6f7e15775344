import { RocmAttentionError } from "../errors.js";
import { readMessagePack } from "./message-pack.js";

/** The facts of a kernel that its code object states. */
export interface KernelFacts {
  /** Bytes of the whole argument segment, hidden arguments included. */
  kernargBytes: number;
  /** Bytes up to the end of the last argument that the caller gives. */
  explicitKernargBytes: number;
  /** LDS that every workgroup has, without the launch's own. */
  ldsBytes: number;
}

/** A code object as `loadModule` reads it before HIP sees it. */
export interface CodeObject {
  readonly kernels: ReadonlyMap<string, KernelFacts>;
}

const EM_AMDGPU = 224;
const PT_NOTE = 4;
const NT_AMDGPU_METADATA = 32;

/**
 * Reads the kernels out of an AMDGPU code object: 64-bit little-endian ELF whose note of type 32 holds the metadata
 * as MessagePack (LLVM's "User Guide for AMDGPU Backend", Code Object V3 and later). HIP copies as many argument
 * bytes as the metadata says, so a launch must know that number.
 */
export function readCodeObject(bytes: Uint8Array): CodeObject {
  try {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return { kernels: kernelsOf(readMessagePack(metadataNote(view))) };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RocmAttentionError(
      "ERR_KERNEL_CORRUPT",
      `expected an AMDGPU code object (64-bit ELF with metadata), received ${bytes.byteLength} bytes: ${reason}`,
      { argument: "bytes", cause },
    );
  }
}

function metadataNote(view: DataView): DataView {
  if (view.byteLength < 64 || view.getUint32(0) !== 0x7f454c46) throw new Error("no ELF header");
  if (view.getUint8(4) !== 2 || view.getUint8(5) !== 1) throw new Error("not 64-bit little-endian");
  if (view.getUint16(18, true) !== EM_AMDGPU) throw new Error("ELF for another machine than AMDGPU");
  requireSections(view);
  const headers = Number(view.getBigUint64(32, true));
  const size = view.getUint16(54, true);
  const count = view.getUint16(56, true);
  for (let index = 0; index < count; index++) {
    const header = headers + index * size;
    if (view.getUint32(header, true) !== PT_NOTE) continue;
    const start = Number(view.getBigUint64(header + 8, true));
    const end = start + Number(view.getBigUint64(header + 32, true));
    for (let note = start; note + 12 <= end; ) {
      const nameBytes = align4(view.getUint32(note, true));
      const dataBytes = view.getUint32(note + 4, true);
      const data = note + 12 + nameBytes;
      if (view.getUint32(note + 8, true) === NT_AMDGPU_METADATA) {
        return new DataView(view.buffer, view.byteOffset + data, checkedLength(view, data, dataBytes));
      }
      note = data + align4(dataBytes);
    }
  }
  throw new Error("no AMDGPU metadata note");
}

/** The section headers end an object; HIP is told no size and finds the end of the bytes by them. */
function requireSections(view: DataView): void {
  const end = Number(view.getBigUint64(40, true)) + view.getUint16(58, true) * view.getUint16(60, true);
  if (end > view.byteLength) throw new Error(`cut short: its sections end at byte ${end}`);
}

function checkedLength(view: DataView, offset: number, length: number): number {
  if (offset + length > view.byteLength) throw new Error("the metadata note runs past the end");
  return length;
}

function align4(value: number): number {
  return Math.ceil(value / 4) * 4;
}

interface ArgumentMetadata {
  ".offset"?: unknown;
  ".size"?: unknown;
  ".value_kind"?: unknown;
}

function kernelsOf(metadata: unknown): Map<string, KernelFacts> {
  const kernels = new Map<string, KernelFacts>();
  for (const entry of arrayOf(field(metadata, "amdhsa.kernels"))) {
    const symbol = field(entry, ".symbol");
    if (typeof symbol !== "string") throw new Error("a kernel without symbol");
    let explicitKernargBytes = 0;
    for (const argument of arrayOf(field(entry, ".args") ?? []) as ArgumentMetadata[]) {
      if (String(argument[".value_kind"]).startsWith("hidden_")) continue;
      explicitKernargBytes = Math.max(
        explicitKernargBytes,
        size(argument[".offset"]) + size(argument[".size"]),
      );
    }
    kernels.set(symbol.replace(/\.kd$/, ""), {
      kernargBytes: size(field(entry, ".kernarg_segment_size")),
      explicitKernargBytes,
      ldsBytes: size(field(entry, ".group_segment_fixed_size")),
    });
  }
  return kernels;
}

function field(map: unknown, key: string): unknown {
  if (typeof map !== "object" || map === null) throw new Error(`no map where ${key} should be`);
  return (map as Record<string, unknown>)[key];
}

function arrayOf(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Error("no array where one should be");
  return value;
}

function size(value: unknown): number {
  if (typeof value !== "number" || !(value >= 0 && value <= 1 << 20)) throw new Error("an impossible size");
  return value;
}
