import { createAttention } from "../../attention/attention.js";
import { createBatch } from "../../batch/batch.js";
import type { Device } from "../../device/device.js";
import { fromBfloat16, toBfloat16 } from "../../dtype.js";

/** The result of a small run of attention on a device. */
export interface ProbeResult {
  backend: string;
  milliseconds: number;
  /** The largest rms(error) / rms(reference) of a row, against attention in float64. */
  deviation: number;
}

/** The bound of a bfloat16 kernel's deviation. */
export const PROBE_BOUND = 4e-3;

const SHAPE = { numHeads: 8, numKvHeads: 2, headSize: 128 } as const;
/** Sequences in one batch: a prefill beyond a block's edge, and a decode after a context of its own. */
const SEQUENCES = [
  { queryLen: 37, blocks: [4, 1, 2] },
  { queryLen: 1, blocks: [3] },
];
const BLOCK_SIZE = 16;

/** Runs attention as a program would, once, and compares every row with float64. Errors: those of `createAttention`. */
export async function probeAttention(device: Device): Promise<ProbeResult> {
  const { numHeads, numKvHeads, headSize } = SHAPE;
  const numTokens = SEQUENCES.reduce((sum, { queryLen }) => sum + queryLen, 0);
  const attention = createAttention(device, { ...SHAPE, dtype: "bfloat16", blockSize: BLOCK_SIZE });
  const started = performance.now();
  const cache = attention.createKvCache({ numBlocks: 5 });
  const batch = createBatch(device, { maxSequences: 2, maxTokens: numTokens, maxBlocksPerSequence: 3 });
  const starts = SEQUENCES.map((_, index) =>
    SEQUENCES.slice(0, index).reduce((sum, { queryLen }) => sum + queryLen, 0),
  );
  const rows = {
    query: randomBfloat16(numTokens * numHeads * headSize, 1),
    key: randomBfloat16(numTokens * numKvHeads * headSize, 2),
    value: randomBfloat16(numTokens * numKvHeads * headSize, 3),
  };
  const upload = (bits: Uint16Array, heads: number) =>
    device.upload(bits, { shape: [numTokens, heads, headSize], dtype: "bfloat16" });
  const query = await upload(rows.query, numHeads);
  const key = await upload(rows.key, numKvHeads);
  const value = await upload(rows.value, numKvHeads);
  const output = device.empty([numTokens, numHeads, headSize], "bfloat16");
  batch.update({
    queryStartLoc: [...starts, numTokens],
    seqLens: SEQUENCES.map(({ queryLen }) => queryLen),
    blockTable: SEQUENCES.map(({ blocks }) => blocks),
  });
  attention.forward({ query, key, value, output, cache: cache.layer(0), batch });
  const result = await output.readFloat32();
  return {
    backend: attention.backend,
    milliseconds: performance.now() - started,
    deviation: largestDeviation(result, rows, starts),
  };
}

/** Attention row by row in float64, from the same rounded inputs. */
function largestDeviation(
  result: Float32Array,
  rows: Record<"query" | "key" | "value", Uint16Array>,
  starts: readonly number[],
): number {
  const { numHeads, numKvHeads, headSize } = SHAPE;
  const at = (bits: Uint16Array, heads: number, token: number, head: number, index: number) =>
    fromBfloat16(bits[(token * heads + head) * headSize + index]!);
  const elements = Array.from({ length: headSize }, (_, index) => index);
  let largest = 0;
  for (const [sequence, { queryLen }] of SEQUENCES.entries()) {
    const start = starts[sequence]!;
    for (let token = 0; token < queryLen; token++) {
      for (let head = 0; head < numHeads; head++) {
        const kvHead = Math.floor((head * numKvHeads) / numHeads);
        const scores = Array.from({ length: token + 1 }, (_, other) =>
          elements.reduce(
            (sum, index) =>
              sum +
              at(rows.query, numHeads, start + token, head, index) *
                at(rows.key, numKvHeads, start + other, kvHead, index),
            0,
          ),
        );
        const weights = softmax(scores.map((score) => score / Math.sqrt(headSize)));
        let [error, norm] = [0, 0];
        for (const index of elements) {
          const expected = weights.reduce(
            (sum, weight, other) => sum + weight * at(rows.value, numKvHeads, start + other, kvHead, index),
            0,
          );
          const received = result[((start + token) * numHeads + head) * headSize + index]!;
          error += (received - expected) ** 2;
          norm += expected ** 2;
        }
        // A NaN must not get lost in a comparison.
        const deviation = Math.sqrt(error / norm);
        if (!(deviation <= largest)) largest = deviation;
      }
    }
  }
  return largest;
}

function softmax(scores: readonly number[]): number[] {
  const most = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - most));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** The same numbers between -1 and 1 at every run. */
function randomBfloat16(count: number, seed: number): Uint16Array {
  let state = seed;
  return Uint16Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return toBfloat16(state / 2 ** 31 - 1);
  });
}
