import { lanes } from "./assemble.js";

/** Numbers below 2^32 that look random and are the same in every run (mulberry32). */
export function randomDwords(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** 64 random dwords, with edge values among them. */
export function integerLanes(seed: number): Uint32Array {
  const next = randomDwords(seed);
  const edges = [0, 1, 2, 31, 32, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff];
  return lanes(() => (next() % 3 === 0 ? edges[next() % edges.length]! : next()));
}

/** 64 random binary32 values of all magnitudes, with zeros, ones, infinities and NaN among them. */
export function floatBits(seed: number): Uint32Array {
  const next = randomDwords(seed);
  const edges = [
    0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0x00000001, 0x7f7fffff,
  ];
  return lanes(() => {
    const kind = next() % 8;
    if (kind === 0) return edges[next() % edges.length]!;
    if (kind === 1) return next();
    return (next() & 0x807fffff) | ((117 + (next() % 20)) << 23);
  });
}

/** 64 random binary64 values as their low and high dwords. */
export function doubleBits(seed: number): [Uint32Array, Uint32Array] {
  const next = randomDwords(seed);
  const edges = [0, 0x80000000, 0x3ff00000, 0x7ff00000, 0xfff00000, 0x7ff80000];
  const isEdge = Array.from({ length: 64 }, () => next() % 8 === 0);
  const low = lanes((lane) => (isEdge[lane] ? 0 : next()));
  const high = lanes((lane) =>
    isEdge[lane] ? edges[next() % edges.length]! : (next() & 0x800fffff) | ((1013 + (next() % 20)) << 20),
  );
  return [low, high];
}

const scratch = new DataView(new ArrayBuffer(8));

export function floatOf(bits: number): number {
  scratch.setUint32(0, bits >>> 0);
  return scratch.getFloat32(0);
}
export function bitsOf(value: number): number {
  scratch.setFloat32(0, value);
  return scratch.getUint32(0);
}
export function doubleOf(low: number, high: number): number {
  scratch.setUint32(0, high >>> 0);
  scratch.setUint32(4, low >>> 0);
  return scratch.getFloat64(0);
}
export function doubleWords(value: number): [low: number, high: number] {
  scratch.setFloat64(0, value);
  return [scratch.getUint32(4), scratch.getUint32(0)];
}

/** The value of 16-bit float bits, by the definition of the format. */
export function halfOf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

/** The 16-bit float nearest to `value`, ties to even, found among all of them. */
export function nearestHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude >= 65520) return sign | 0x7c00;
  const unit = 2 ** (Math.max(Math.floor(Math.log2(magnitude || 1)), -14) - 10);
  const steps = magnitude / unit;
  const low = Math.floor(steps);
  const rest = steps - low;
  const rounded = rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low;
  const result = rounded * unit;
  if (result === 0) return sign;
  const exponent = Math.max(Math.floor(Math.log2(result)), -14);
  const fraction = result * 2 ** (10 - exponent);
  return sign | (fraction < 1024 ? fraction : ((exponent + 15) << 10) | (fraction - 1024));
}

/** Equal as numbers in a format of `exponentMask`: the same bits, or both NaN. */
export function sameFloat(actual: number, expected: number): boolean {
  const isNan = (bits: number) => (bits & 0x7fffffff) > 0x7f800000;
  return actual >>> 0 === expected >>> 0 || (isNan(actual) && isNan(expected));
}

/** A finite number as mantissa * 2^exponent. */
function parts(value: number): [mantissa: bigint, exponent: number] {
  const [low, high] = doubleWords(value);
  const field = (high >>> 20) & 0x7ff;
  const fraction = (BigInt(high & 0xfffff) << 32n) | BigInt(low);
  const mantissa = field === 0 ? fraction : fraction | (1n << 52n);
  return [high >>> 31 ? -mantissa : mantissa, Math.max(field, 1) - 1075];
}

/** a * b + c of finite numbers, rounded once to `digits` binary digits (24: binary32, 11: binary16), ties to even. */
export function exactFma(a: number, b: number, c: number, digits: number, smallest: number): number {
  const [ma, ea] = parts(a);
  const [mb, eb] = parts(b);
  const [mc, ec] = parts(c);
  const base = Math.min(ea + eb, ec);
  const sum = ((ma * mb) << BigInt(ea + eb - base)) + (mc << BigInt(ec - base));
  if (sum === 0n) return a * b + c;
  const magnitude = sum < 0n ? -sum : sum;
  const drop = Math.max(magnitude.toString(2).length - digits, smallest - base);
  let rounded = magnitude;
  if (drop > 0) {
    const unit = 1n << BigInt(drop);
    const rest = magnitude % unit;
    rounded = magnitude / unit;
    if (2n * rest > unit || (2n * rest === unit && rounded % 2n === 1n)) rounded += 1n;
  }
  const exponent = base + Math.max(drop, 0);
  // Scaled in two steps: 2^exponent alone may be out of range.
  const half = Math.trunc(exponent / 2);
  const value = Number(rounded) * 2 ** half * 2 ** (exponent - half);
  return sum < 0n ? -value : value;
}
