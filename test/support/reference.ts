import type { AttentionType } from "../../lib/config.js";
import { type DType, fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from "../../lib/dtype.js";
import { fromFloat8, isFloat8, toFloat8 } from "../../lib/float8.js";

// Paged attention in float64, as plainly as it can be written, and the data to try it on.

/** Numbers rounded to a dtype: the bits that a device gets, and the values that they mean. */
export interface Rounded {
  readonly bits: Uint8Array | Int8Array | Uint16Array | Float32Array;
  readonly values: Float64Array;
}

export function round(dtype: DType, values: ArrayLike<number>): Rounded {
  const [bits, to, from] = coderOf(dtype, values.length);
  const rounded = new Float64Array(values.length);
  // A loop: `from` of a typed array makes a list of all that it gets, first.
  for (let i = 0; i < values.length; i++) {
    bits[i] = to(values[i]!);
    rounded[i] = from(bits[i]!);
  }
  return { bits, values: rounded };
}

type Code = (value: number) => number;

/** Where the bits of so many numbers go, and what makes bits of a number and a number of bits. */
function coderOf(dtype: DType, length: number): [bits: Rounded["bits"], to: Code, from: Code] {
  if (dtype === "float32") return [new Float32Array(length), Number, Number];
  if (dtype === "int8") return [new Int8Array(length), toNearestEven, Number];
  if (dtype === "float16") return [new Uint16Array(length), toFloat16, fromFloat16];
  if (!isFloat8(dtype)) return [new Uint16Array(length), toBfloat16, fromBfloat16];
  return [new Uint8Array(length), (value) => toFloat8(dtype, value), (code) => fromFloat8(dtype, code)];
}

/** The nearest integer, ties to even. */
function toNearestEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1;
}

export interface AttentionShape {
  readonly numHeads: number;
  readonly numKvHeads: number;
  readonly headSize: number;
  readonly blockSize: number;
}

/** The sequences of a step: [context tokens, query tokens] each; in cross attention the encoder's tokens and the query's. */
export type Lengths = readonly (readonly [context: number, query: number])[];

/** Keys of a sequence. */
export function keyCount(type: AttentionType, [context, query]: Lengths[number]): number {
  return type === "encoder_decoder" ? context : context + query;
}

/** Keys and values of each sequence, [keys, numKvHeads, headSize], by sequence. */
export interface Step {
  readonly shape: AttentionShape;
  readonly lengths: Lengths;
  /** [query tokens of all sequences, numHeads, headSize]. */
  readonly query: Float64Array;
  readonly keys: readonly Float64Array[];
  readonly values: readonly Float64Array[];
  readonly scale: number;
  /** Default: a decoder's, whose query tokens see only what is not behind them. Others see all keys of their sequence. */
  readonly attentionType?: AttentionType | undefined;
  /** A query token sees so many last tokens, itself included, and in an encoder as many ahead. */
  readonly slidingWindow?: number | undefined;
  readonly logitsSoftCap?: number | undefined;
  /** By query head. */
  readonly alibiSlopes?: ArrayLike<number> | undefined;
  /** By query head: one more logit. */
  readonly sinks?: ArrayLike<number> | undefined;
  /** Gives each scaled score of a row with every key of its sequence; -Infinity: the row does not see the key. */
  readonly modify?: ((score: number, at: ScorePosition) => number) | undefined;
}

/** Where a score stands; positions are within the sequence. */
export interface ScorePosition {
  readonly row: number;
  readonly head: number;
  readonly kvHead: number;
  readonly contextLength: number;
  readonly query: number;
  readonly key: number;
}

export interface Expected {
  /** [query tokens, numHeads, headSize]. */
  readonly output: Float64Array;
  /** [query tokens, numHeads]. */
  readonly lse: Float64Array;
}

/** Softmax attention. In a decoder query token t of a sequence sees its context and its query tokens up to t. */
export function attend(step: Step): Expected {
  const { shape, lengths, query, keys, values, attentionType = "decoder", slidingWindow = Infinity } = step;
  const { scale, modify, logitsSoftCap, alibiSlopes } = step;
  const { numHeads, numKvHeads, headSize } = shape;
  const tokens = lengths.reduce((sum, [, length]) => sum + length, 0);
  const output = new Float64Array(tokens * numHeads * headSize);
  const lse = new Float64Array(tokens * numHeads).fill(Number.NEGATIVE_INFINITY);
  let row = 0;
  for (const [s, [context, queryLength]] of lengths.entries()) {
    for (let t = 0; t < queryLength; t++) {
      const own = context + t;
      const isCausal = attentionType === "decoder" && modify === undefined;
      const last = isCausal ? own : own + slidingWindow - 1;
      const end = Math.min(last + 1, keyCount(attentionType, [context, queryLength]));
      const first = Math.max(0, own - slidingWindow + 1);
      for (let head = 0; head < numHeads; head++, row++) {
        const kvHead = Math.floor((head * numKvHeads) / numHeads);
        const at = (position: number) => (position * numKvHeads + kvHead) * headSize;
        const [q, k, v] = [row * headSize, keys[s]!, values[s]!];
        const sink = step.sinks?.[head] ?? Number.NEGATIVE_INFINITY;
        const slope = alibiSlopes?.[head] ?? 0;
        const scores = new Float64Array(Math.max(0, end - first));
        let largest = sink;
        for (let i = 0; i < scores.length; i++) {
          const key = first + i;
          const scaled = scale * dot(query, q, k, at(key), headSize);
          scores[i] =
            modify === undefined
              ? biased(scaled, logitsSoftCap, slope * Math.abs(key - own))
              : modify(scaled, {
                  ...{ row: s, head, kvHead, contextLength: context, query: own, key },
                });
          largest = Math.max(largest, scores[i]!);
        }
        if (largest === Number.NEGATIVE_INFINITY) continue;
        let total = Math.exp(sink - largest);
        for (const score of scores) total += Math.exp(score - largest);
        lse[row] = largest + Math.log(total);
        for (let i = 0; i < scores.length; i++) {
          const weight = Math.exp(scores[i]! - largest) / total;
          const from = at(first + i);
          for (let e = 0; e < headSize; e++) output[q + e]! += weight * v[from + e]!;
        }
      }
    }
  }
  return { output, lse };
}

/** The product of two rows, in four sums: each addition waits for the one before it. */
function dot(a: Float64Array, fromA: number, b: Float64Array, fromB: number, size: number): number {
  let [first, second, third, fourth] = [0, 0, 0, 0];
  let e = 0;
  for (; e + 3 < size; e += 4) {
    first += a[fromA + e]! * b[fromB + e]!;
    second += a[fromA + e + 1]! * b[fromB + e + 1]!;
    third += a[fromA + e + 2]! * b[fromB + e + 2]!;
    fourth += a[fromA + e + 3]! * b[fromB + e + 3]!;
  }
  for (; e < size; e++) first += a[fromA + e]! * b[fromB + e]!;
  return first + second + (third + fourth);
}

/** A scaled score, capped, then lowered by a bias. */
function biased(score: number, logitsSoftCap: number | undefined, bias: number): number {
  const capped = logitsSoftCap === undefined ? score : logitsSoftCap * Math.tanh(score / logitsSoftCap);
  return capped - bias;
}

/** The bounds of a result's error, by dtype: of the root mean square per row, relative to the reference's. */
export const BOUNDS = { bfloat16: 4e-3, float16: 1e-3, float32: 2e-5 } as const;

export interface RowErrors {
  /** The largest rms(error) / rms(reference) of a row. */
  readonly rms: number;
  /** The largest |error| of an element, relative to its row's rms(reference). */
  readonly max: number;
}

/**
 * Compares rows of `size` elements. NaN and infinities in the result count as infinite error. `least`: rows below it are
 * held against it; a format's smallest normal number, since what lies below that has fewer bits.
 */
export function rowErrors(
  actual: ArrayLike<number>,
  expected: Float64Array,
  size: number,
  least = 0,
): RowErrors {
  let rms = 0;
  let max = 0;
  for (let start = 0; start < expected.length; start += size) {
    let squares = 0;
    let errorSquares = 0;
    let largest = 0;
    for (let i = start; i < start + size; i++) {
      const error = actual[i]! - expected[i]!;
      squares += expected[i]! ** 2;
      errorSquares += error ** 2;
      largest = Math.max(largest, Number.isFinite(error) ? Math.abs(error) : Number.POSITIVE_INFINITY);
    }
    const scale = Math.max(Math.sqrt(squares / size), least);
    if (scale === 0) {
      if (errorSquares !== 0) return { rms: Number.POSITIVE_INFINITY, max: Number.POSITIVE_INFINITY };
      continue;
    }
    const rowRms = Math.sqrt(errorSquares / size) / scale;
    rms = Math.max(rms, Number.isFinite(rowRms) ? rowRms : Number.POSITIVE_INFINITY);
    max = Math.max(max, largest / scale);
  }
  return { rms, max };
}

/** Whether a result is within the bounds of its dtype, or so many times them (docs/numbers.md says where and why). */
export function isAccurate(errors: RowErrors, dtype: keyof typeof BOUNDS, times = 1): boolean {
  return isWithin(errors, times * BOUNDS[dtype]);
}

/** The same of products that are quantised beyond the cache, against a reference over the same quantised operands. */
export function isQuantisedAccurate(errors: RowErrors): boolean {
  return isWithin(errors, QUANTISED_BOUND);
}

function isWithin({ rms, max }: RowErrors, bound: number): boolean {
  return rms <= bound && max <= 8 * bound;
}

const QUANTISED_BOUND = 3e-2;

/** A reproducible stream of numbers (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  }

  /** One of 0 to count - 1. */
  below(count: number): number {
    return Math.floor(this.uniform() * count);
  }

  pick<T>(choices: ArrayLike<T>): T {
    return choices[this.below(choices.length)]!;
  }

  /** Normal, with the given deviation (Box and Muller). */
  normals(count: number, deviation = 1): Float64Array {
    const numbers = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
      numbers[i] = deviation * radius * Math.cos(2 * Math.PI * this.uniform());
    }
    return numbers;
  }

  /** 0 to count - 1 in random order. */
  permutation(count: number): number[] {
    const order = Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}

/** The largest difference of two lists of log-sum-exps; a row without keys has -inf in both, and anything else is infinitely far. */
export function lseError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let most = 0;
  for (let row = 0; row < expected.length; row++) {
    if (actual[row] === expected[row]) continue;
    const error = Math.abs(actual[row]! - expected[row]!);
    most = Math.max(most, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
  }
  return most;
}
