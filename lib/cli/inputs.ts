import { toBfloat16 } from "../dtype.js";

/** Numbers between -1 and 1 as bfloat16: the same ones at every run. */
export function randomBfloat16(count: number, seed: number): Uint16Array {
  let state = seed;
  return Uint16Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return toBfloat16(state / 2 ** 31 - 1);
  });
}

/** [0, counts[0], counts[0] + counts[1], ...] */
export function runningSums(counts: readonly number[]): number[] {
  const sums = [0];
  for (const count of counts) sums.push(sums.at(-1)! + count);
  return sums;
}
