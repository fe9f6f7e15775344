/** A set of sizes: listed, or a range with a step. */
export type Sizes =
  | {
      /** The sizes, ascending. */
      readonly oneOf: readonly number[];
    }
  | {
      /** The smallest size. Default 1. */
      readonly min?: number;
      /** The largest size, itself included. Default: none. */
      readonly max?: number;
      /** The number that divides every size. Default 1. */
      readonly multipleOf?: number;
    };

export function matches(sizes: Sizes, value: number): boolean {
  if ("oneOf" in sizes) return sizes.oneOf.includes(value);
  const { min = 1, max = Number.POSITIVE_INFINITY, multipleOf = 1 } = sizes;
  return value >= min && value <= max && value % multipleOf === 0;
}

/** "64, 128 or 256", "1 to 16 or 128", "multiples of 16", "multiples of 8 from 32 to 256", "any". */
export function describeSizes(sizes: Sizes): string {
  if ("oneOf" in sizes) return joinWithOr(runs(sizes.oneOf));
  const { min, max, multipleOf } = sizes;
  const steps = multipleOf === undefined || multipleOf === 1 ? "" : `multiples of ${multipleOf}`;
  const from = min === undefined || min === 1 || min === multipleOf ? "" : `from ${min}`;
  const to = max === undefined ? "" : from === "" ? `up to ${max}` : `to ${max}`;
  const range = from !== "" && to === "" ? `${min} and more` : `${from} ${to}`.trim();
  return `${steps} ${range}`.trim() || "any";
}

export function joinWithOr(words: readonly (string | number)[]): string {
  const head = words.slice(0, -1).join(", ");
  const last = words.at(-1) ?? "none";
  return head === "" ? String(last) : `${head} or ${last}`;
}

/** Writes three or more numbers in succession as "first to last". */
function runs(values: readonly number[]): string[] {
  const words: string[] = [];
  for (let start = 0; start < values.length; ) {
    let end = start;
    while (values[end + 1] === values[end]! + 1) end++;
    if (end - start >= 2) words.push(`${values[start]} to ${values[end]}`);
    else words.push(...values.slice(start, end + 1).map(String));
    start = end + 1;
  }
  return words;
}
