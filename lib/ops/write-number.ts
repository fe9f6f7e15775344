import { enqueueFill } from "../device/enqueue.js";
import type { Stream } from "../device/stream.js";

/** Writes a float32 to the device, byte by byte: fills may stand in a graph, where writes from the host may not. */
export function writeNumber(stream: Stream, to: bigint, value: number): void {
  const bytes = new Uint8Array(Float32Array.of(value).buffer);
  for (const [index, byte] of bytes.entries()) enqueueFill(stream, to + BigInt(index), byte, 1);
}
