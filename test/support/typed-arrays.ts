import { expect } from "vitest";

// Set up for every file: typed arrays of the same bytes are equal without a look at each element, which takes a test longer
// than to compute them. All others are compared as always.

expect.addEqualityTesters([
  (a: unknown, b: unknown) =>
    ArrayBuffer.isView(a) && ArrayBuffer.isView(b) && isSameView(a, b) ? true : undefined,
]);

function isSameView(a: ArrayBufferView, b: ArrayBufferView): boolean {
  return a.constructor === b.constructor && Buffer.compare(bytesOf(a), bytesOf(b)) === 0;
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
