// Uses the package where nothing can be written, and where there is no home.
import { writeFileSync } from "node:fs";
import { createAttention, createBatch, explain } from "../../../dist/index.js";
import { openDevice } from "./gate.mjs";

try {
  writeFileSync(new URL("written", import.meta.url), "");
  console.log("could write");
} catch ({ code }) {
  console.log("home", process.env.HOME, code);
}
const config = { numHeads: 2, numKvHeads: 1, headSize: 64, dtype: "float16" };
console.log(explain(config, { arch: "gfx942", env: {} }).backend);
const device = openDevice();
const attention = createAttention(device, config);
const cache = attention.createKvCache({ numBlocks: 4 }).layer(0);
const batch = createBatch(device, { maxSequences: 1, maxTokens: 1, maxBlocksPerSequence: 4 });
batch.update({ queryStartLoc: [0, 1], seqLens: [1], blockTable: [[0]] });
const [query, key] = [2, 1].map((heads) => device.zeros([1, heads, 64], "float16"));
const value = await device.upload(new Float32Array(64).fill(3), { shape: [1, 1, 64], dtype: "float16" });
const output = device.zeros([1, 2, 64], "float16");
attention.forward({ query, key, value, output, cache, batch });
console.log(...new Set(await output.readFloat32()));
await device.close();
