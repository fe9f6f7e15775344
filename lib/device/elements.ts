import { type DType, fromBfloat16, fromFloat16 } from "../dtype.js";
import { fromFloat8 } from "../float8.js";
import { elementCount } from "./layout.js";

/** What a read gives: bits of float16, bfloat16 and fp8 as unsigned integers, everything else as itself. */
export type TypedArray = Float32Array | Uint16Array | Uint8Array | Int32Array | BigInt64Array;

/** The bytes of `buffer` as elements of `dtype`. */
export function typedArray(dtype: DType, buffer: ArrayBuffer): TypedArray {
  switch (dtype) {
    case "float32":
      return new Float32Array(buffer);
    case "float16":
    case "bfloat16":
      return new Uint16Array(buffer);
    case "int32":
      return new Int32Array(buffer);
    case "int64":
      return new BigInt64Array(buffer);
    default:
      return new Uint8Array(buffer);
  }
}

/** Picks the elements of a strided tensor out of the span that holds them, in the order of their indices. */
export function gather(span: TypedArray, shape: readonly number[], strides: readonly number[]): TypedArray {
  const count = elementCount(shape);
  const result = new (span.constructor as new (length: number) => TypedArray)(count);
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < count; to++) {
    result[to] = span[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= shape[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}

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
