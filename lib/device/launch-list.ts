import type { NativeStream } from "../native.js";

// Launches that wait to enter native code together, in this thread. A call across the boundary costs as much as all of a
// launch's arguments, so that a group of launches takes one.

const HEADER_BYTES = 40;
const bytes = new Uint8Array(64 << 10);
const words = new Uint32Array(bytes.buffer);

/** The stream whose launches gather; null: each launch enters at once. */
let gathering: NativeStream | null = null;
let length = 0;

/** Adds a launch; its kernel arguments are copied. It enters at once unless launches of this stream gather. */
export function addLaunch(
  stream: NativeStream,
  kernel: number,
  gridX: number,
  gridY: number,
  gridZ: number,
  blockX: number,
  blockY: number,
  blockZ: number,
  ldsBytes: number,
  kernargs: Uint8Array,
): void {
  const size = HEADER_BYTES + Math.ceil(kernargs.length / 8) * 8;
  if (stream !== gathering || length + size > bytes.length) flushLaunches();
  const at = length / 4;
  words[at] = kernel;
  words[at + 1] = gridX;
  words[at + 2] = gridY;
  words[at + 3] = gridZ;
  words[at + 4] = blockX;
  words[at + 5] = blockY;
  words[at + 6] = blockZ;
  words[at + 7] = ldsBytes;
  words[at + 8] = kernargs.length;
  bytes.set(kernargs, length + HEADER_BYTES);
  if (stream === gathering) length += size;
  else stream.launch(bytes, size);
}

/** Lets launches on this stream gather until `endGathering`. Groups do not nest: the inner one's launches enter at once. */
export function beginGathering(stream: NativeStream): void {
  flushLaunches();
  gathering = stream;
}

/** Enqueues what has gathered, or forgets it where the group failed. */
export function endGathering(succeeded: boolean): void {
  try {
    if (succeeded) flushLaunches();
  } finally {
    length = 0;
    gathering = null;
  }
}

/** Enqueues what has gathered so far: before everything else that enters native code. */
export function flushLaunches(): void {
  if (length === 0) return;
  const gathered = length;
  length = 0;
  gathering!.launch(bytes, gathered);
}
