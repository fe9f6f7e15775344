// Runs as many forwards as FORWARDS says, and prints by how much memory has grown since a fifth of them.
import { createAttention, createBatch } from "../../../dist/index.js";
import { openDevice } from "./gate.mjs";

/** A block of staging an update, a few more for reads and for what is on its way back. */
const STAGING_OF_FIFTY_STEPS = (50 + 8) * 4096;
const forwards = Number(process.env.FORWARDS);
const device = openDevice();
const attention = createAttention(device, { numHeads: 1, numKvHeads: 1, headSize: 64, dtype: "bfloat16" });
const cache = attention.createKvCache({ numBlocks: 4 }).layer(0);
const batch = createBatch(device, { maxSequences: 1, maxTokens: 1, maxBlocksPerSequence: 4 });
const [query, key, output] = [1, 2, 3].map(() => device.zeros([1, 1, 64], "bfloat16"));
const step = {
  queryStartLoc: Int32Array.of(0, 1),
  seqLens: Int32Array.of(1),
  blockTable: [Int32Array.of(0)],
};

const memory = async () => {
  await device.defaultStream.synchronize();
  globalThis.gc();
  const { reserved, staging } = device.memory();
  return { reserved, staging, heap: process.memoryUsage().heapUsed, resident: process.memoryUsage().rss };
};

let before;
for (let count = 0; count < forwards; count++) {
  if (count === forwards / 5) before = await memory();
  batch.update(step);
  attention.forward({ query, key, value: key, output, cache, batch });
  if (count % 50 === 49) await output.read();
}
const after = await memory();
const grown = (name) => after[name] - before[name];
// How many of the fifty steps between two reads are under way at once is the scheduler's.
console.log("device", grown("reserved"), "staging of fifty steps", after.staging <= STAGING_OF_FIFTY_STEPS);
console.log("heap and process within 2 and 16 MiB", grown("heap") < 2 << 20, grown("resident") < 16 << 20);
await device.close();
