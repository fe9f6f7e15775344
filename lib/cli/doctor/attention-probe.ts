import { createAttention } from "../../attention/attention.js";
import { createBatch } from "../../batch/batch.js";
import type { Device } from "../../device/device.js";
import { randomBfloat16, runningSums } from "../inputs.js";
import { attendOne, relativeError, vector } from "../reference.js";

/** The result of a small run of attention on a device. */
export interface ProbeResult {
  backend: string;
  milliseconds: number;
  /** The largest rms(error) / rms(reference) of a row, against attention in float64. */
  deviation: number;
}

const SHAPE = { numHeads: 8, numKvHeads: 2, headSize: 128 } as const;
const BLOCK_SIZE = 16;
/** The tokens that two sequences get in one batch: prefills beyond a block's edge, then a decode after each. */
const STEPS = [
  [37, 20],
  [1, 1],
];
const BLOCK_TABLE = [
  [4, 1, 2],
  [3, 0],
];

/** A sequence so far: its keys and its values by head and position. */
interface Past {
  readonly keys: Float64Array[][];
  readonly values: Float64Array[][];
}

/** Runs attention as a program would and compares every row with float64. Errors: those of `createAttention`. */
export async function probeAttention(device: Device): Promise<ProbeResult> {
  const { numHeads, numKvHeads, headSize } = SHAPE;
  const attention = createAttention(device, { ...SHAPE, dtype: "bfloat16", blockSize: BLOCK_SIZE });
  const started = performance.now();
  const cache = attention.createKvCache({ numBlocks: 5 });
  const batch = createBatch(device, { maxSequences: 2, maxTokens: 57, maxBlocksPerSequence: 3 });
  const upload = (bits: Uint16Array, heads: number) =>
    device.upload(bits, { shape: [bits.length / heads / headSize, heads, headSize], dtype: "bfloat16" });
  const pasts = BLOCK_TABLE.map(emptyPast);
  const deviations: number[] = [];
  for (const [step, queryLens] of STEPS.entries()) {
    const starts = runningSums(queryLens);
    const numTokens = starts.at(-1)!;
    const query = randomBfloat16(numTokens * numHeads * headSize, 3 * step + 1);
    const key = randomBfloat16(numTokens * numKvHeads * headSize, 3 * step + 2);
    const value = randomBfloat16(numTokens * numKvHeads * headSize, 3 * step + 3);
    const output = device.empty([numTokens, numHeads, headSize], "bfloat16");
    batch.update({
      queryStartLoc: starts,
      seqLens: pasts.map(({ keys }, sequence) => keys[0]!.length + queryLens[sequence]!),
      blockTable: BLOCK_TABLE,
    });
    attention.forward({
      query: await upload(query, numHeads),
      key: await upload(key, numKvHeads),
      value: await upload(value, numKvHeads),
      output,
      cache: cache.layer(0),
      batch,
    });
    const result = await output.readFloat32();
    for (let token = 0; token < numTokens; token++) {
      const past = pasts[starts.findIndex((start) => start > token) - 1]!;
      append(past, key, value, token);
      deviations.push(deviationOf(result, query, past, token));
    }
  }
  // Where one is NaN, so is the largest.
  const deviation = Math.max(...deviations);
  return { backend: attention.backend, milliseconds: performance.now() - started, deviation };
}

function emptyPast(): Past {
  const byHead = () => Array.from({ length: SHAPE.numKvHeads }, (): Float64Array[] => []);
  return { keys: byHead(), values: byHead() };
}

function append({ keys, values }: Past, key: Uint16Array, value: Uint16Array, token: number): void {
  const { numKvHeads, headSize } = SHAPE;
  for (let head = 0; head < numKvHeads; head++) {
    keys[head]!.push(vector(key, token * numKvHeads + head, headSize));
    values[head]!.push(vector(value, token * numKvHeads + head, headSize));
  }
}

/** The largest deviation of a token's heads, of which the past ends with it. */
function deviationOf(
  result: Float32Array,
  query: Uint16Array,
  { keys, values }: Past,
  token: number,
): number {
  const { numHeads, numKvHeads, headSize } = SHAPE;
  const deviations = Array.from({ length: numHeads }, (_, head) => {
    const row = token * numHeads + head;
    const kvHead = Math.floor((head * numKvHeads) / numHeads);
    const expected = attendOne(vector(query, row, headSize), keys[kvHead]!, values[kvHead]!);
    return relativeError(Float64Array.from(result.subarray(row * headSize, (row + 1) * headSize)), expected);
  });
  return Math.max(...deviations);
}
