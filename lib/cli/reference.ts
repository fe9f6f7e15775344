import { fromBfloat16 } from "../dtype.js";

/** The bound that a bfloat16 kernel has to keep: rms(error) / rms(reference) of a row. */
export const DEVIATION_BOUND = 4e-3;

/** Softmax attention of one query over all keys, in float64. `scale`: of query x key. */
export function attendOne(
  query: Float64Array,
  keys: readonly Float64Array[],
  values: readonly Float64Array[],
  scale = 1 / Math.sqrt(query.length),
): Float64Array {
  const scores = keys.map((key) => scale * query.reduce((sum, q, i) => sum + q * key[i]!, 0));
  const largest = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - largest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return query.map((_, i) => values.reduce((sum, value, n) => sum + weights[n]! * value[i]!, 0) / total);
}

/** The `index`-th vector of `headSize` bfloat16 elements, widened. */
export function vector(elements: Uint16Array, index: number, headSize: number): Float64Array {
  return Float64Array.from(elements.subarray(index * headSize, (index + 1) * headSize), fromBfloat16);
}

/** rms(error) / rms(expected) of a row; NaN where it has one. */
export function relativeError(actual: Float64Array, expected: Float64Array): number {
  const squares = (values: Float64Array) => values.reduce((sum, value) => sum + value * value, 0);
  return Math.sqrt(squares(actual.map((value, i) => value - expected[i]!)) / squares(expected));
}
