import { type DType, fromBfloat16, fromFloat16 } from "../dtype.js";
import { fromFloat8 } from "../float8.js";
import type { TypedArray } from "./elements.js";

/** The numbers that elements of a float dtype stand for. */
export function toFloat32(dtype: DType, elements: TypedArray): Float32Array {
  switch (dtype) {
    case "float32":
      return elements as Float32Array;
    case "float16":
      return Float32Array.from(elements as Uint16Array, fromFloat16);
    case "bfloat16":
      return Float32Array.from(elements as Uint16Array, fromBfloat16);
    default:
      return Float32Array.from(elements as Uint8Array, (bits) => fromFloat8(dtype, bits));
  }
}
