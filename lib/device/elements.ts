import { typedArrayName } from "../arguments.js";
import { type DType, itemSize } from "../dtype.js";
import { invalidArgument } from "../errors.js";
import { isFloat8 } from "../float8.js";
import { bfloat16, float8, float16 } from "../floats.js";
import { hostBytes } from "./host-bytes.js";
import { elementCount } from "./layout.js";

const ARRAYS = {
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  float8_e4m3fn: Uint8Array,
  float8_e4m3fnuz: Uint8Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int8: Int8Array,
  uint8: Uint8Array,
} as const;

/** Elements as a read gives them: bits of float16, bfloat16 and fp8 as unsigned integers, everything else as itself. */
export type TypedArray<D extends DType = DType> = InstanceType<(typeof ARRAYS)[D]>;

/** The bytes of `buffer` as elements of `dtype`. */
export function typedArray<D extends DType>(dtype: D, buffer: ArrayBuffer): TypedArray<D> {
  return new ARRAYS[dtype](buffer) as TypedArray<D>;
}

/** Picks the elements of a strided tensor out of the span that holds them, in the order of their indices. */
export function gather<Elements extends TypedArray>(
  span: Elements,
  shape: readonly number[],
  strides: readonly number[],
): Elements {
  const count = elementCount(shape);
  const result = new (span.constructor as new (length: number) => Elements)(count);
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
  if (dtype === "float32") return elements as Float32Array;
  if (isFloat8(dtype)) return float8.decode(elements as Uint8Array, dtype);
  return (dtype === "bfloat16" ? bfloat16 : float16).decode(elements as Uint16Array);
}

/** The source of a write, read a piece at a time. */
export interface ElementSource {
  readonly byteLength: number;
  /** The bytes from `offset` to `end`. Throws where the memory behind them has been taken away. */
  piece(offset: number, end: number): Uint8Array;
}

/** Host data as elements of `dtype`: a Float32Array as numbers, which a float dtype rounds, all else as bytes. */
export function elementSource(dtype: DType, data: unknown): ElementSource {
  const bytes = hostBytes(data, "data");
  const { byteLength } = bytes;
  const there = () => {
    if (bytes.byteLength === byteLength) return bytes;
    throw invalidArgument("data", "a buffer that stays until the Promise settles", "a detached one");
  };
  if (typedArrayName(data) !== "Float32Array" || dtype === "float32" || !dtype.includes("float")) {
    return { byteLength, piece: (offset, end) => there().subarray(offset, end) };
  }
  const size = itemSize(dtype);
  const numbers = new Float32Array(bytes.buffer, bytes.byteOffset, byteLength / 4);
  const piece = (offset: number, end: number) => {
    there();
    return rounded(dtype, numbers.subarray(offset / size, end / size));
  };
  return { byteLength: numbers.length * size, piece };
}

function rounded(dtype: DType, numbers: Float32Array): Uint8Array {
  if (isFloat8(dtype)) return float8.encode(numbers, dtype);
  return new Uint8Array((dtype === "bfloat16" ? bfloat16 : float16).encode(numbers).buffer);
}
