import type { DType } from "../../lib/index.js";
import { attend, type Expected, type Lengths, round } from "./reference.js";

const [RANK, ROPE, NOPE, VALUE] = [512, 64, 128, 128];
const WIDTH = RANK + ROPE;
/** The most new tokens of a sequence whose queries attend in latent space. */
const MOST_TOKENS = 8;

interface LatentStep {
  readonly lengths: Lengths;
  readonly numHeads: number;
  /** [tokens, numHeads, 192] */
  readonly query: Float64Array;
  /** [numHeads, 256, 512] */
  readonly weights: Float64Array;
  /** Of each sequence [tokens, 576]. */
  readonly latents: readonly Float64Array[];
  readonly scale: number;
}

/** Latent attention in latent space, whose queries of decodes are rounded to bfloat16, divided by `qScale` and rounded to fp8. */
export function attendQuantised(step: LatentStep, fp8: DType, qScale: number): Expected {
  const { lengths, numHeads, weights, latents, scale } = step;
  const query = latentQueries(step, fp8, Math.fround(qScale));
  const shape = { numHeads, numKvHeads: 1, headSize: WIDTH, blockSize: 1 };
  const { output: latent, lse } = attend({ shape, lengths, query, keys: latents, values: latents, scale });
  const output = new Float64Array(lse.length * VALUE);
  for (let row = 0; row < lse.length; row++) {
    for (let e = 0; e < VALUE; e++) {
      const at = ((row % numHeads) * (NOPE + VALUE) + NOPE + e) * RANK;
      for (let k = 0; k < RANK; k++) output[row * VALUE + e]! += weights[at + k]! * latent[row * WIDTH + k]!;
    }
  }
  return { output, lse };
}

function latentQueries(
  { lengths, numHeads, query, weights }: LatentStep,
  fp8: DType,
  qScale: number,
): Float64Array {
  const isRounded = lengths.flatMap(([, tokens]) => Array<boolean>(tokens).fill(tokens <= MOST_TOKENS));
  const made = new Float64Array(isRounded.length * numHeads * WIDTH);
  for (let row = 0; row < isRounded.length * numHeads; row++) {
    const into = made.subarray(row * WIDTH, (row + 1) * WIDTH);
    for (let e = 0; e < NOPE; e++) {
      const q = query[row * (NOPE + ROPE) + e]!;
      const at = ((row % numHeads) * (NOPE + VALUE) + e) * RANK;
      for (let k = 0; k < RANK; k++) into[k]! += q * weights[at + k]!;
    }
    into.set(query.subarray(row * (NOPE + ROPE) + NOPE, (row + 1) * (NOPE + ROPE)), RANK);
    if (!isRounded[Math.floor(row / numHeads)]) continue;
    const divided = round("bfloat16", into).values.map((x) => Math.fround(x / qScale));
    into.set(round(fp8, divided).values.map((x) => x * qScale));
  }
  return made;
}
