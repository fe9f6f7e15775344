import type { Derived, DerivedSource } from "../batch/batch.js";
import type { ResolvedConfig } from "../config.js";

/**
 * Puts an attention's ALiBi slopes, float32 [numHeads], on the device as metadata of a batch: written with every step, they
 * are there on whatever stream attends to it. null: no slopes.
 */
export function deriveAlibiSlopes(
  { alibiSlopes }: ResolvedConfig,
  derive: (source: DerivedSource) => Derived,
): Derived | null {
  if (alibiSlopes === null) return null;
  const bytes = new Uint8Array(Float32Array.from(alibiSlopes).buffer);
  return derive({
    bytes: bytes.length,
    fill: (_, into) => {
      into.set(bytes);
      return bytes.length;
    },
  });
}
