import type { Derived, DerivedSource } from "../batch/batch.js";

/** Puts bytes on the device as metadata of a batch: written with every step, they are there on whatever stream attends to it. */
export function deriveBytes(bytes: Uint8Array, derive: (source: DerivedSource) => Derived): Derived {
  return derive({
    bytes: bytes.length,
    fill: (_, into) => {
      into.set(bytes);
      return bytes.length;
    },
  });
}
