// Prints a digest of what attention gives, for each of many configurations: a prompt, then a step of decodes and prompts.
import { createHash } from "node:crypto";
import { BlockPool, createAttention, createBatch, Device } from "../../../dist/index.js";

const device = Device.open({ emulate: "gfx942", computeUnits: 8 });
const STEPS = [
  { a: 300, b: 40 },
  { a: 1, b: 7, c: 20 },
];
const [numHeads, numKvHeads, blockSize] = [6, 2, 16];

let state = 1;
/** Between -2 and 2. */
function random() {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 30 - 2;
}

async function digest(options) {
  const { headSize, dtype } = options;
  const attention = createAttention(device, { numHeads, numKvHeads, blockSize, ...options });
  const cache = attention.createKvCache({ numBlocks: 40 });
  const pool = new BlockPool({ numBlocks: 40, blockSize });
  const batch = createBatch(device, { maxSequences: 3, maxTokens: 400, maxBlocksPerSequence: 32, blockSize });
  const hash = createHash("sha256");
  for (const step of STEPS) {
    const rows = Object.entries(step).map(([id, queryLength]) => ({ id, queryLength }));
    for (const { id, queryLength } of rows) pool.append(id, queryLength);
    batch.update(pool.batch(rows));
    const tokens = rows.reduce((sum, { queryLength }) => sum + queryLength, 0);
    const upload = (heads) =>
      device.upload(Float32Array.from({ length: tokens * heads * headSize }, random), {
        shape: [tokens, heads, headSize],
        dtype,
      });
    const output = device.empty([tokens, numHeads, headSize], dtype);
    const [query, key, value] = [await upload(numHeads), await upload(numKvHeads), await upload(numKvHeads)];
    attention.forward({ query, key, value, output, cache: cache.layer(0), batch });
    hash.update(await output.read());
  }
  return hash.digest("hex");
}

for (const backend of [
  "TRITON_ATTN",
  "ROCM_ATTN",
  "ROCM_AITER_FA",
  "ROCM_AITER_UNIFIED_ATTN",
  "FLEX_ATTENTION",
])
  for (const dtype of ["bfloat16", "float16"])
    for (const more of [{ headSize: 128 }, { headSize: 64, slidingWindow: 70, logitsSoftCap: 3 }]) {
      const text = await digest({ backend, dtype, ...more }).catch(({ code }) => code);
      console.log(backend, dtype, JSON.stringify(more), text);
    }
await device.close();
