import type { Snippet } from "./assemble.js";
import { integerLanes } from "./lane-values.js";

/** Registers as text: v4, v[4:7]. */
export const registers = (first: number, count: number, bank = "v") =>
  count === 1 ? `${bank}${first}` : `${bank}[${first}:${first + count - 1}]`;
export const registerNames = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => `v${first + i}`);

/** Lanes 0, 5, 6, 17 to 30 and 63. */
const someLanes = (1n << 0n) | (1n << 5n) | (1n << 6n) | (0x3fffn << 17n) | (1n << 63n);
export const isSome = (lane: number) => (someLanes >> BigInt(lane)) % 2n === 1n;
/** Runs code with EXEC = those lanes and waits for it. */
export const withSomeLanes = (code: string) => `
s_mov_b32 exec_lo, 0x${(someLanes & 0xffffffffn).toString(16)}
s_mov_b32 exec_hi, 0x${(someLanes >> 32n).toString(16)}
${code}
s_waitcnt vmcnt(0) lgkmcnt(0)
s_mov_b64 exec, -1`;

const blocks = 8;
export const memoryBytes = 256 * blocks;

/**
 * A snippet with 2048 bytes of device memory at s[8:9] (s[8:11] is a buffer descriptor of it with `records`), whose
 * contents are its last 8 inputs. Outputs are the given registers and then the memory afterwards.
 */
export function memorySnippet(
  code: string,
  inputs: number,
  outputs: string[],
  records = memoryBytes,
): Snippet {
  const readBack = registerNames(200, blocks).map(
    (name, i) => `global_load_dword ${name}, v255, s[8:9] offset:${256 * i}`,
  );
  return {
    code: `s_sub_u32 s8, s4, ${memoryBytes}
s_subb_u32 s9, s5, 0
s_mov_b32 s10, ${records}
s_mov_b32 s11, 0x27000
${code}
s_waitcnt vmcnt(0) lgkmcnt(0)
${readBack.join("\n")}`,
    inputs: inputs + blocks,
    outputs: [...outputs, ...registerNames(200, blocks)],
  };
}

/** The memory's contents as inputs and as bytes. */
export function memoryContents(seed: number): { inputs: Uint32Array[]; bytes: Uint8Array } {
  const inputs = Array.from({ length: blocks }, (_, i) => integerLanes(seed + i));
  return { inputs, bytes: memoryAfter(inputs) };
}

/** The memory as bytes, from the last outputs of a memory snippet. */
export function memoryAfter(outputs: Uint32Array[]): Uint8Array {
  const all = new Uint32Array(64 * blocks);
  for (const [i, register] of outputs.slice(-blocks).entries()) all.set(register, 64 * i);
  return new Uint8Array(all.buffer);
}

/** `count` dwords, little endian. */
export function dwordsAt(bytes: Uint8Array, address: number, count: number): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Array.from({ length: count }, (_, i) => view.getUint32(address + 4 * i, true));
}
/** A load of 1 or 2 bytes, extended to a dword. */
export function smallAt(bytes: Uint8Array, address: number, size: 1 | 2, signed: boolean): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (size === 1) return (signed ? view.getInt8(address) : view.getUint8(address)) >>> 0;
  return (signed ? view.getInt16(address, true) : view.getUint16(address, true)) >>> 0;
}

export interface MemoryAccess {
  /** "dwordx4", "sbyte_d16_hi", ... */
  width: string;
  bytes: number;
  signed?: boolean;
  /** 1: the low half of the register, 2: the high half. */
  half?: 1 | 2;
}
export const loads: MemoryAccess[] = [
  { width: "ubyte", bytes: 1 },
  { width: "sbyte", bytes: 1, signed: true },
  { width: "ushort", bytes: 2 },
  { width: "sshort", bytes: 2, signed: true },
  { width: "dword", bytes: 4 },
  { width: "dwordx2", bytes: 8 },
  { width: "dwordx3", bytes: 12 },
  { width: "dwordx4", bytes: 16 },
  { width: "ubyte_d16", bytes: 1, half: 1 },
  { width: "sbyte_d16_hi", bytes: 1, signed: true, half: 2 },
  { width: "short_d16", bytes: 2, half: 1 },
  { width: "short_d16_hi", bytes: 2, half: 2 },
];
export const stores: MemoryAccess[] = [
  { width: "byte", bytes: 1 },
  { width: "byte_d16_hi", bytes: 1, half: 2 },
  { width: "short", bytes: 2 },
  { width: "short_d16_hi", bytes: 2, half: 2 },
  { width: "dword", bytes: 4 },
  { width: "dwordx2", bytes: 8 },
  { width: "dwordx3", bytes: 12 },
  { width: "dwordx4", bytes: 16 },
];
export const registersOf = ({ bytes }: MemoryAccess) => Math.max(1, bytes / 4);

/** What a load at `address` leaves in its registers, which held `old`. */
export function loaded(memory: Uint8Array, address: number, access: MemoryAccess, old: number[]): number[] {
  if (access.bytes >= 4) return dwordsAt(memory, address, access.bytes / 4);
  const value = smallAt(memory, address, access.bytes as 1 | 2, access.signed ?? false);
  if (access.half === 1) return [((old[0]! & 0xffff0000) | (value & 0xffff)) >>> 0];
  if (access.half === 2) return [((old[0]! & 0xffff) | (value << 16)) >>> 0];
  return [value];
}

/** The bytes that a store takes from its registers. */
export function stored(data: number[], access: MemoryAccess): Uint8Array {
  const bytes = new Uint8Array(Uint32Array.from(data).buffer);
  const first = access.half === 2 ? 2 : 0;
  return bytes.slice(first, first + access.bytes);
}
