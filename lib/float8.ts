import type { DType } from "./dtype.js";

/**
 * The two 8-bit float encodings with 4 exponent and 3 mantissa bits. OCP (gfx950 and later): bias 7, largest 448,
 * no infinity, 0x7f and 0xff are NaN. FNUZ (gfx942): bias 8, largest 240, 0x80 is the only NaN, no negative zero.
 */
const ENCODINGS = {
  float8_e4m3fn: { bias: 7, largest: 448, nan: 0x7f },
  float8_e4m3fnuz: { bias: 8, largest: 240, nan: 0x80 },
} as const;

/** The dtypes of 8-bit floats. */
export type Float8 = keyof typeof ENCODINGS;

function decode({ bias }: { bias: number }, bits: number): number {
  const sign = bits & 0x80 ? -1 : 1;
  const exponent = (bits >>> 3) & 15;
  const mantissa = bits & 7;
  return exponent === 0
    ? sign * mantissa * 2 ** (-2 - bias)
    : sign * (1 + mantissa / 8) * 2 ** (exponent - bias);
}

function table(dtype: Float8): Float32Array {
  const values = Float32Array.from({ length: 256 }, (_, bits) => decode(ENCODINGS[dtype], bits));
  values[ENCODINGS[dtype].nan] = Number.NaN;
  if (dtype === "float8_e4m3fn") values[0xff] = Number.NaN;
  return values;
}

const VALUES: Record<Float8, Float32Array> = {
  float8_e4m3fn: table("float8_e4m3fn"),
  float8_e4m3fnuz: table("float8_e4m3fnuz"),
};

export function isFloat8(dtype: string): dtype is Float8 {
  return Object.hasOwn(ENCODINGS, dtype);
}

/** The number that `bits` stand for. */
export function fromFloat8(dtype: DType, bits: number): number {
  if (!isFloat8(dtype)) throw new TypeError(`${dtype} is not an 8-bit float`);
  return VALUES[dtype][bits]!;
}

const float32 = new Float32Array(1);
const bits32 = new Uint32Array(float32.buffer);

/** By the upper half of a float32, its 8-bit float; made when a program first needs it. */
const tables = new Map<Float8, Uint8Array>();

/** Rounds a float32 to the nearest, ties to even; beyond the largest value it saturates, infinities too. NaN stays NaN. */
export function toFloat8(dtype: Float8, value: number): number {
  float32[0] = value;
  const bits = bits32[0]!;
  // The last bit of the upper half stands for all that follow it: enough, four bits behind the last that is kept.
  const upper = (bits >>> 16) | (bits & 0xffff ? 1 : 0);
  return (tables.get(dtype) ?? makeTable(dtype))[upper]!;
}

function makeTable(dtype: Float8): Uint8Array {
  const made = new Uint8Array(65_536);
  for (let upper = 0; upper < made.length; upper++) {
    bits32[0] = upper << 16;
    made[upper] = encode(dtype, float32[0]!);
  }
  tables.set(dtype, made);
  return made;
}

function encode(dtype: Float8, value: number): number {
  const { bias, largest, nan } = ENCODINGS[dtype];
  if (Number.isNaN(value)) return nan;
  const sign = value < 0 || Object.is(value, -0) ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(value), largest);
  const exponent = Math.max(Math.floor(Math.log2(magnitude)), 1 - bias);
  // Counted in units of the last place at this exponent; a carry into the next exponent comes out right.
  const units = roundToEven(magnitude / 2 ** (exponent - 3));
  const bits = units < 8 ? units : ((exponent + bias) << 3) + (units - 8);
  return bits === 0 && dtype === "float8_e4m3fnuz" ? 0 : sign | bits;
}

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest < 0.5 || (rest === 0.5 && below % 2 === 0)) return below;
  return below + 1;
}
