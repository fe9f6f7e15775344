import { invalidArgument } from "./errors.js";

/** Bytes of one element of each dtype. fp8 comes in two encodings that differ per GPU: gfx942 uses FNUZ, later ones OCP. */
const ITEM_SIZES = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  float8_e4m3fn: 1,
  float8_e4m3fnuz: 1,
  int64: 8,
  int32: 4,
  int8: 1,
  uint8: 1,
} as const;

/** The element type of a tensor. */
export type DType = keyof typeof ITEM_SIZES;

/** All element types. */
export const DTYPES = Object.keys(ITEM_SIZES) as readonly DType[];

/** Bytes of one element. */
export function itemSize(dtype: DType): number {
  return ITEM_SIZES[checkDType(dtype, "dtype")];
}

/** Throws ERR_INVALID_ARGUMENT where `value` is no dtype. */
export function checkDType(value: unknown, argument: string): DType {
  if (typeof value === "string" && Object.hasOwn(ITEM_SIZES, value)) return value as DType;
  throw invalidArgument(argument, `one of ${DTYPES.join(", ")}`, value);
}

const float32 = new Float32Array(1);
const bits32 = new Uint32Array(float32.buffer);

/** Rounds to the nearest bfloat16, ties to even; NaN stays NaN. */
export function toBfloat16(value: number): number {
  float32[0] = value;
  const bits = bits32[0]!;
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

export function fromBfloat16(bits: number): number {
  bits32[0] = bits << 16;
  return float32[0]!;
}

/** Rounds to the nearest IEEE half, ties to even; beyond 65504 + half a unit it becomes infinity. */
export function toFloat16(value: number): number {
  float32[0] = value;
  const bits = bits32[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // A subnormal half is a multiple of 2^-24; adding 0.5 lets the float adder round at exactly that place.
    bits32[0] = magnitude;
    float32[0] = float32[0]! + 0.5;
    return sign | (bits32[0]! - 0x3f000000);
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

export function fromFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const magnitude = bits & 0x7fff;
  if (magnitude < 0x400) return sign * magnitude * 2 ** -24;
  // From this exponent's bias of 15 to a float32's of 127; in both the largest one is that of infinities and NaN.
  bits32[0] = (magnitude << 13) + (magnitude < 0x7c00 ? 0x38000000 : 0x70000000);
  return sign * float32[0]!;
}
