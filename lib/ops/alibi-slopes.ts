import type { Derived, DerivedSource } from "../batch/batch.js";
import type { ResolvedConfig } from "../config.js";
import { deriveBytes } from "./derive-bytes.js";

/** Puts an attention's ALiBi slopes, float32 [numHeads], on the device as metadata of a batch. null: no slopes. */
export function deriveAlibiSlopes(
  { alibiSlopes }: ResolvedConfig,
  derive: (source: DerivedSource) => Derived,
): Derived | null {
  if (alibiSlopes === null) return null;
  return deriveBytes(new Uint8Array(Float32Array.from(alibiSlopes).buffer), derive);
}
