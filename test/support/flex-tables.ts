import type { DType } from "../../lib/index.js";

/** A captured tensor of an expression. */
export interface Table {
  readonly dtype: Extract<DType, "int32" | "uint8" | "float32" | "float16" | "bfloat16">;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** Tables that expressions read: of every dtype, with one to three dimensions. */
export const TABLES: readonly Table[] = [
  { dtype: "int32", shape: [4, 40], values: Array.from({ length: 160 }, (_, i) => ((i * 7) % 11) - 3) },
  { dtype: "float32", shape: [8], values: Array.from({ length: 8 }, (_, i) => 2 ** -i - 0.25) },
  { dtype: "uint8", shape: [2, 3, 5], values: Array.from({ length: 30 }, (_, i) => (i * 37) % 256) },
  { dtype: "bfloat16", shape: [16], values: Array.from({ length: 16 }, (_, i) => (i - 8) / 4) },
  { dtype: "float16", shape: [3, 7], values: Array.from({ length: 21 }, (_, i) => (i - 10) / 8) },
];
