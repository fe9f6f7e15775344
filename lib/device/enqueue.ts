import { invalidArgument } from "../errors.js";
import { addLaunch } from "./launch-list.js";
import type { Kernel } from "./module.js";
import type { Stream } from "./stream.js";
import { PIECE_BYTES } from "./transfer.js";

// The doors of the hot path, for the package's own layers: positional, one native call each, nothing allocated.
// Who calls them has checked shapes and ranges; they check objects, liveness and devices.

/**
 * Launches `kernel` with one-dimensional workgroups of `blockX`. `kernargs` holds the explicit arguments (what is
 * missing of the kernel's argument segment is zero); its bytes are copied at the call and may be reused.
 */
export function enqueue(
  stream: Stream,
  kernel: Kernel,
  gridX: number,
  gridY: number,
  gridZ: number,
  blockX: number,
  ldsBytes: number,
  kernargs: Uint8Array,
): void {
  addLaunch(stream.gatheringHandle, kernel.number, gridX, gridY, gridZ, blockX, 1, 1, ldsBytes, kernargs);
}

/**
 * Writes up to 4 MiB to the device address `to`: the bytes are copied into pinned staging at the call, and their
 * way to the device takes its place in the stream's order. Not while the stream is captured.
 */
export function enqueueWrite(stream: Stream, to: bigint, bytes: Uint8Array): void {
  if (bytes.byteLength > PIECE_BYTES) {
    throw invalidArgument("bytes", `at most ${PIECE_BYTES} bytes`, bytes);
  }
  if (bytes.byteLength > 0) stream.native.write(to, bytes);
}

/** Copies `bytes` between two ranges, of the stream's device or of pinned host memory, that do not overlap. */
export function enqueueCopy(stream: Stream, to: bigint, from: bigint, bytes: number): void {
  if (bytes > 0) stream.native.copy(to, from, bytes);
}

/** Sets `bytes` bytes from `pointer` on to `value` (0 to 255). */
export function enqueueFill(stream: Stream, pointer: bigint, value: number, bytes: number): void {
  if (bytes > 0) stream.native.fill(pointer, value, bytes);
}
