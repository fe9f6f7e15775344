import { types } from "node:util";
import { invalidArgument } from "../errors.js";

/** Bytes on the host: any view or buffer. Their meaning is the tensor's dtype alone. */
export type HostBytes = ArrayBuffer | ArrayBufferView;

/** Checks data to upload: no shared, resizable or detached buffer, whose bytes could go away or change. */
export function hostBytes(data: unknown, argument: string): Uint8Array {
  const buffer = ArrayBuffer.isView(data) ? data.buffer : data;
  if (!types.isArrayBuffer(buffer)) {
    throw invalidArgument(
      argument,
      "a typed array, DataView or ArrayBuffer",
      types.isSharedArrayBuffer(buffer) ? `memory of a SharedArrayBuffer` : data,
    );
  }
  if ((buffer as { resizable?: boolean }).resizable) {
    throw invalidArgument(argument, "a buffer of fixed size", "a resizable ArrayBuffer");
  }
  if ((buffer as { detached?: boolean }).detached ?? isDetached(buffer)) {
    throw invalidArgument(argument, "a buffer with memory", "a detached ArrayBuffer");
  }
  return ArrayBuffer.isView(data)
    ? new Uint8Array(buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(buffer);
}

/** `ArrayBuffer.prototype.detached` came with Node 22; before it only making a view tells. */
function isDetached(buffer: ArrayBuffer): boolean {
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}
