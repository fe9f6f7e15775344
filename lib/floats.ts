import { isArray, typedArrayName } from "./arguments.js";
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from "./dtype.js";
import { invalidArgument } from "./errors.js";
import { type Float8, fromFloat8, isFloat8, toFloat8 } from "./float8.js";

/** Numbers: a Float32Array, a Float64Array or a plain array. */
export type Numbers = Float32Array | Float64Array | readonly number[];

/** bfloat16: 8 exponent and 7 mantissa bits, as the upper half of a float32. */
export const bfloat16 = {
  /**
   * Rounds to the nearest bfloat16, ties to even; what is larger than all of them becomes infinity, NaN stays NaN.
   * ERR_INVALID_ARGUMENT for anything but numbers.
   */
  encode: (numbers: Numbers): Uint16Array =>
    mapped(checkNumbers(numbers), (count) => new Uint16Array(count), toBfloat16),
  /** The numbers of elements as `Tensor.read` gives them. ERR_INVALID_ARGUMENT for anything but a Uint16Array. */
  decode: (bits: Uint16Array): Float32Array =>
    mapped(checkBits(bits, "Uint16Array"), (count) => new Float32Array(count), fromBfloat16),
} as const;

/** float16: IEEE 754's half, 5 exponent and 10 mantissa bits, at most 65504. */
export const float16 = {
  /**
   * Rounds to the nearest half, ties to even; from 65520 on it is infinity, NaN stays NaN. ERR_INVALID_ARGUMENT for
   * anything but numbers.
   */
  encode: (numbers: Numbers): Uint16Array =>
    mapped(checkNumbers(numbers), (count) => new Uint16Array(count), toFloat16),
  /** The numbers of elements as `Tensor.read` gives them. ERR_INVALID_ARGUMENT for anything but a Uint16Array. */
  decode: (bits: Uint16Array): Float32Array =>
    mapped(checkBits(bits, "Uint16Array"), (count) => new Float32Array(count), fromFloat16),
} as const;

/**
 * float8: 4 exponent and 3 mantissa bits in either encoding, "float8_e4m3fnuz" (gfx942, at most 240) or "float8_e4m3fn" (later
 * GPUs, at most 448).
 */
export const float8 = {
  /**
   * Rounds to the nearest, ties to even; what is larger than all of them, infinity too, becomes the largest; NaN stays NaN.
   * ERR_INVALID_ARGUMENT for anything but numbers, and for another dtype.
   */
  encode(numbers: Numbers, dtype: Float8): Uint8Array {
    const to = checkFloat8(dtype);
    return mapped(
      checkNumbers(numbers),
      (count) => new Uint8Array(count),
      (number) => toFloat8(to, number),
    );
  },
  /**
   * The numbers of elements as `Tensor.read` gives them. ERR_INVALID_ARGUMENT for anything but a Uint8Array, and for another
   * dtype.
   */
  decode(bits: Uint8Array, dtype: Float8): Float32Array {
    const from = checkFloat8(dtype);
    return mapped(
      checkBits(bits, "Uint8Array"),
      (count) => new Float32Array(count),
      (code) => fromFloat8(from, code),
    );
  },
} as const;

function checkNumbers(value: unknown): ArrayLike<number> {
  if (/^Float(32|64)Array$/.test(typedArrayName(value) ?? "")) return value as Float32Array;
  const expected = "a Float32Array, a Float64Array or an array of numbers";
  if (!isArray(value)) throw invalidArgument("numbers", expected, value);
  for (let index = 0; index < value.length; index++) {
    if (typeof value[index] !== "number")
      throw invalidArgument(`numbers[${index}]`, "a number", value[index]);
  }
  return value as readonly number[];
}

function checkBits(value: unknown, type: "Uint16Array" | "Uint8Array"): ArrayLike<number> {
  if (typedArrayName(value) === type) return value as ArrayLike<number>;
  throw invalidArgument("bits", `a ${type}`, value);
}

function checkFloat8(value: unknown): Float8 {
  if (typeof value === "string" && isFloat8(value)) return value;
  throw invalidArgument("dtype", "float8_e4m3fn or float8_e4m3fnuz", value);
}

/** `TypedArray.from` with a function, at thirty times its speed. */
function mapped<To extends Float32Array | Uint16Array | Uint8Array>(
  from: ArrayLike<number>,
  make: (count: number) => To,
  convert: (element: number) => number,
): To {
  const to = make(from.length);
  for (let index = 0; index < to.length; index++) to[index] = convert(from[index]!);
  return to;
}
