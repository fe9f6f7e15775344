/** s_waitcnt, an SOPP instruction: this is its upper half, the counts are its lower one. */
const S_WAITCNT = 0xbf8c;
/** The bits of a counter's field: all set, it says as many as can be outstanding, and so waits for nothing. */
const COUNTERS = { vmcnt: 0xc00f, lgkmcnt: 0x0f00 };

/** Where the s_waitcnt instructions of a kernel lie in its code object (ELF64, little endian). */
export function waitsOf(codeObject: Uint8Array, symbol: string): number[] {
  const view = viewOf(codeObject);
  const [start, end] = codeOf(view, symbol);
  const waits = [];
  for (let at = start; at < end; at += 4) {
    if (view.getUint16(at + 2, true) === S_WAITCNT) waits.push(at);
  }
  return waits;
}

/** A copy of the code object in which these s_waitcnt instructions wait for nothing of the given counters. */
export function withoutWaits(
  codeObject: Uint8Array,
  waits: readonly number[],
  counters: readonly (keyof typeof COUNTERS)[] = ["vmcnt", "lgkmcnt"],
): Uint8Array {
  const mutant = Uint8Array.from(codeObject);
  const view = viewOf(mutant);
  const bits = counters.reduce((all, counter) => all | COUNTERS[counter], 0);
  for (const at of waits) view.setUint16(at, view.getUint16(at, true) | bits, true);
  return mutant;
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** The file offsets of a function's code. Layouts: the ELF-64 object file format. */
function codeOf(view: DataView, symbol: string): [start: number, end: number] {
  const u64 = (at: number) => Number(view.getBigUint64(at, true));
  const u32 = (at: number) => view.getUint32(at, true);
  const table = (at: number, size: number, count: number) =>
    Array.from({ length: view.getUint16(count, true) }, (_, i) => u64(at) + i * view.getUint16(size, true));
  const segments = table(32, 54, 56).filter((header) => u32(header) === 1); // PT_LOAD
  const sections = table(40, 58, 60);
  const symbols = sections.find((header) => u32(header + 4) === 11)!; // SHT_DYNSYM
  const names = u64(sections[u32(symbols + 40)]! + 24);
  for (let at = u64(symbols + 24); at < u64(symbols + 24) + u64(symbols + 32); at += 24) {
    const name = Array.from(`${symbol}\0`, (letter) => letter.charCodeAt(0));
    if (!name.every((code, i) => view.getUint8(names + u32(at) + i) === code)) continue;
    const address = u64(at + 8);
    const segment = segments.find((s) => address >= u64(s + 16) && address < u64(s + 16) + u64(s + 32))!;
    const start = address - u64(segment + 16) + u64(segment + 8);
    return [start, start + u64(at + 16)];
  }
  throw new Error(`no symbol ${symbol}`);
}
