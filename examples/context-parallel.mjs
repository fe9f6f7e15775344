// Context parallelism: one long sequence whose cache lies on two devices. A decode's query attends to both parts; the two
// results become one by their log-sum-exps.
//
//     node examples/context-parallel.mjs
import {
  createAttention,
  createBatch,
  Device,
  mergeAttentionStates,
  peerCopy,
  reshapeAndCacheFlash,
} from "rocm-attention";

/** Keys of the first device and of the second, which the newest token is the last of. */
const [FIRST, SECOND] = [100, 61];
const [HEADS, KV_HEADS, SIZE, BLOCK, BLOCKS] = [8, 2, 64, 16, 16];

const random = (/** @type {number} */ rows, /** @type {number} */ heads) =>
  Float32Array.from({ length: rows * heads * SIZE }, () => 2 * Math.random() - 1);
const [query, keys, values] = [
  random(1, HEADS),
  random(FIRST + SECOND, KV_HEADS),
  random(FIRST + SECOND, KV_HEADS),
];

/**
 * A device whose cache has the keys and values [from, to) of the sequence, ready for a decode that sees all of them.
 * @param {number} from
 * @param {number} to
 */
async function open(from, to) {
  const device = Device.open({ emulate: "gfx942", computeUnits: 8 }); // Device.open(0), Device.open(1), ...
  const options = /** @type {const} */ ({
    numHeads: HEADS,
    numKvHeads: KV_HEADS,
    headSize: SIZE,
    dtype: "bfloat16",
  });
  const attention = createAttention(device, { ...options, blockSize: BLOCK });
  const cache = attention.createKvCache({ numBlocks: BLOCKS }).layer(0);
  const batch = createBatch(device, { maxSequences: 1, maxTokens: 1, maxBlocksPerSequence: BLOCKS });
  const [length, row] = [to - from, KV_HEADS * SIZE];
  /** @param {Float32Array} numbers */
  const part = (numbers) =>
    device.upload(numbers.subarray(from * row, to * row), {
      shape: [length, KV_HEADS, SIZE],
      dtype: "bfloat16",
    });
  const slots = BigInt64Array.from({ length }, (_, token) => BigInt(token));
  const slotMapping = await device.upload(slots, { shape: [length], dtype: "int64" });
  reshapeAndCacheFlash({ key: await part(keys), value: await part(values), cache, slotMapping });
  batch.update({
    queryStartLoc: [0, 1],
    seqLens: [length],
    blockTable: [Array.from({ length: Math.ceil(length / BLOCK) }, (_, block) => block)],
  });
  const state = () => ({
    output: device.empty([1, HEADS, SIZE], "bfloat16"),
    lse: device.empty([1, HEADS], "float32"),
  });
  return { device, attention, cache, batch, state };
}

/**
 * The decode over what a device has. Without key and value nothing is written: the newest token is in the cache.
 * @param {Awaited<ReturnType<typeof open>>} part
 */
async function attend({ device, attention, cache, batch, state }) {
  const result = state();
  const rows = await device.upload(query, { shape: [1, HEADS, SIZE], dtype: "bfloat16" });
  attention.forward({ query: rows, ...result, cache, batch });
  return result;
}

const first = await open(0, FIRST);
const second = await open(FIRST, FIRST + SECOND);
const [here, there] = await Promise.all([attend(first), attend(second)]);

// The first device gets the second's result when that is there, and merges the two. Nobody waits on the host.
const arrived = first.state();
first.device.defaultStream.wait(second.device.defaultStream.record());
peerCopy(arrived.output, there.output);
peerCopy(arrived.lse, there.lse);
const merged = first.state();
mergeAttentionStates({ first: here, second: arrived, into: merged });

const whole = await open(0, FIRST + SECOND);
const expected = await attend(whole);
/** @param {import("rocm-attention").Tensor} one @param {import("rocm-attention").Tensor} other */
const difference = async (one, other) => {
  const [a, b] = [await one.readFloat32(), await other.readFloat32()];
  return a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i])), 0);
};
const [output, lse] = [
  await difference(merged.output, expected.output),
  await difference(merged.lse, expected.lse),
];
console.log(
  `two devices and one differ by at most ${output.toExponential(1)}, their log-sum-exps by ${lse.toExponential(1)}`,
);
if (!(output < 4e-3 && lse < 1e-4)) throw new Error("the parts do not make the whole");
if ((await difference(here.output, expected.output)) < 1e-2)
  throw new Error("the first part alone is the whole?");
for (const { device } of [first, second, whole]) await device.close();
