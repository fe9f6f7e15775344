import type { ElementSource } from "./elements.js";
import type { Storage } from "./memory.js";
import type { Stream } from "./stream.js";

/** Bytes that pass through pinned staging at once; they bound how long one piece can occupy the event loop (< 1 ms). */
export const PIECE_BYTES = 4 << 20;

/** Brings `source` to `pointer` through staging; the first piece is enqueued before this returns. */
export async function writePieces(
  stream: Stream,
  storage: Storage,
  pointer: bigint,
  source: ElementSource,
): Promise<void> {
  const length = source.byteLength;
  if (length <= PIECE_BYTES) {
    if (length > 0) await stream.native.writeThrough(pointer, source.piece(0, length));
    return;
  }
  storage.beginTransfer();
  try {
    await inPieces(length, (offset, size) =>
      stream.native.writeThrough(pointer + BigInt(offset), source.piece(offset, offset + size)),
    );
  } finally {
    storage.endTransfer();
  }
}

/** Fetches `length` bytes from `pointer`; the first piece is enqueued before this returns. */
export async function readPieces(
  stream: Stream,
  storage: Storage,
  pointer: bigint,
  length: number,
): Promise<ArrayBuffer> {
  const target = new ArrayBuffer(length);
  if (length === 0) return target;
  if (length <= PIECE_BYTES) {
    await stream.native.read(pointer, target, 0, length);
    return target;
  }
  storage.beginTransfer();
  try {
    await inPieces(length, (offset, size) =>
      stream.native.read(pointer + BigInt(offset), target, offset, size),
    );
  } finally {
    storage.endTransfer();
  }
  return target;
}

/** Runs the pieces of a long transfer in order, two under way at a time. */
async function inPieces(
  length: number,
  transfer: (offset: number, size: number) => Promise<void>,
): Promise<void> {
  let previous: Promise<void> = Promise.resolve();
  for (let offset = 0; offset < length; offset += PIECE_BYTES) {
    const current = transfer(offset, Math.min(PIECE_BYTES, length - offset));
    current.catch(() => {}); // heard below, unless the one before fails first
    await previous;
    previous = current;
  }
  await previous;
}
