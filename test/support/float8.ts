/** Formats of 8, 6 and 4 bits by the names of ML frameworks; the MX ones by exponent and mantissa. */
export type SmallFloat = "e4m3fnuz" | "e5m2fnuz" | "e4m3fn" | "e5m2" | "e2m3" | "e3m2" | "e2m1";

const formats: Record<SmallFloat, { exponent: number; mantissa: number; bias: number }> = {
  e4m3fnuz: { exponent: 4, mantissa: 3, bias: 8 },
  e5m2fnuz: { exponent: 5, mantissa: 2, bias: 16 },
  e4m3fn: { exponent: 4, mantissa: 3, bias: 7 },
  e5m2: { exponent: 5, mantissa: 2, bias: 15 },
  e2m3: { exponent: 2, mantissa: 3, bias: 1 },
  e3m2: { exponent: 3, mantissa: 2, bias: 3 },
  e2m1: { exponent: 2, mantissa: 1, bias: 1 },
};

/** By the definition of the format. */
function decoded(format: SmallFloat, code: number): number {
  const { exponent, mantissa, bias } = formats[format];
  const fraction = code & ((1 << mantissa) - 1);
  const field = (code >> mantissa) & ((1 << exponent) - 1);
  const sign = (code >> (exponent + mantissa)) & 1 ? -1 : 1;
  if (format.endsWith("fnuz") && code === 0x80) return Number.NaN;
  if (format === "e4m3fn" && (code & 127) === 127) return Number.NaN;
  if (format === "e5m2" && field === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  const unit = 2 ** (Math.max(field, 1) - bias - mantissa);
  return sign * (field === 0 ? fraction : fraction + (1 << mantissa)) * unit;
}

/** Of each format the values of all codes. */
const values = Object.fromEntries(
  (Object.keys(formats) as SmallFloat[]).map((format) => [
    format,
    Float64Array.from({ length: 256 }, (_, code) => decoded(format, code)),
  ]),
) as Record<SmallFloat, Float64Array>;

/** The value of a code. */
export function decodeSmallFloat(format: SmallFloat, code: number): number {
  return values[format][code]!;
}

/** The code nearest to a value, ties to the even code; found by trying all. Too large: what the hardware gives. */
export function encodeSmallFloat(format: SmallFloat, value: number): number {
  const fnuz = format.endsWith("fnuz");
  const sign = value < 0 || Object.is(value, -0) ? 0x80 : 0;
  if (Number.isNaN(value)) return fnuz ? 0x80 : 0x7f;
  const magnitude = Math.abs(value);
  const ofCode = values[format];
  let last = 127;
  while (!Number.isFinite(ofCode[last]!)) last--;
  const largest = ofCode[last]!;
  const step = largest - ofCode[last - 1]!;
  // The tie above the largest code is with an odd mantissa's neighbour only where that one is odd.
  const limit = largest + step / 2;
  if (magnitude > limit || (magnitude === limit && last % 2 === 1)) {
    return fnuz ? 0x80 : sign | (format === "e5m2" ? 0x7c : 0x7f);
  }
  let best = 0;
  for (let code = 0; code <= last; code++) {
    const distance = Math.abs(ofCode[code]! - magnitude);
    const least = Math.abs(ofCode[best]! - magnitude);
    if (distance < least || (distance === least && code % 2 === 0)) best = code;
  }
  return fnuz && best === 0 ? 0 : sign | best;
}
