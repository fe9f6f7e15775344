// Tensor parallelism: the heads of a layer divided over two devices, a worker thread for each. Each computes its heads' attention
// and their part of the output projection; the sum of the parts is the layer's result. Collectives are a matter of the
// program: here the main thread adds.
//
//     node examples/tensor-parallel.mjs
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { BlockPool, createAttention, createBatch, Device } from "rocm-attention";

const [HEADS, KV_HEADS, SIZE, WIDTH, TOKENS, RANKS] = [8, 4, 64, 32, 21, 2];

/**
 * Rows of a seeded model: the same numbers in every thread. `[from, to)`: the heads that are wanted of each row.
 * @param {number} seed
 * @param {number} rows
 * @param {number} heads
 * @param {number[]} range
 */
function numbers(seed, rows, heads, [from, to]) {
  const all = Array.from({ length: rows * heads * SIZE }, (_, i) =>
    Math.sin(seed * 77 + i * 1.3 + (i % 13) * seed),
  );
  return Float32Array.from(
    all.filter((_, i) => {
      const head = Math.floor(i / SIZE) % heads;
      return head >= from && head < to;
    }),
  );
}

/**
 * A rank's part of the layer's result [TOKENS, WIDTH].
 * @param {number} rank
 * @param {number} ranks
 */
async function layer(rank, ranks) {
  const device = Device.open({ emulate: "gfx942", computeUnits: 8 }); // Device.open(rank) on a machine with GPUs
  const [numHeads, numKvHeads] = [HEADS / ranks, KV_HEADS / ranks];
  const attention = createAttention(device, { numHeads, numKvHeads, headSize: SIZE, dtype: "bfloat16" });
  const cache = attention.createKvCache({ numBlocks: 4 });
  const batch = createBatch(device, { maxSequences: 1, maxTokens: TOKENS, maxBlocksPerSequence: 4 });
  const pool = new BlockPool({ numBlocks: 4 });
  pool.append("a", TOKENS);
  batch.update(pool.batch([{ id: "a", queryLength: TOKENS }]));

  const own = [rank * numHeads, (rank + 1) * numHeads];
  const ownKv = [rank * numKvHeads, (rank + 1) * numKvHeads];
  /** @param {number} seed @param {number} heads @param {number[]} range */
  const part = (seed, heads, range) =>
    device.upload(numbers(seed, TOKENS, heads, range), {
      shape: [TOKENS, range[1] - range[0], SIZE],
      dtype: "bfloat16",
    });
  const [query, key, value] = [
    await part(1, HEADS, own),
    await part(2, KV_HEADS, ownKv),
    await part(3, KV_HEADS, ownKv),
  ];
  const output = device.empty([TOKENS, numHeads, SIZE], "bfloat16");
  attention.forward({ query, key, value, output, cache: cache.layer(0), batch });

  const attended = await output.readFloat32();
  const weights = numbers(4, WIDTH, HEADS, own); // the columns of the projection that belong to these heads
  const columns = numHeads * SIZE;
  const result = new Float64Array(TOKENS * WIDTH);
  for (let at = 0; at < result.length; at++) {
    const [token, row] = [Math.floor(at / WIDTH), at % WIDTH];
    for (let i = 0; i < columns; i++)
      result[at] += attended[token * columns + i] * weights[row * columns + i];
  }
  await device.close();
  return result;
}

if (isMainThread) {
  const parts = await Promise.all(
    Array.from({ length: RANKS }, (_, rank) => {
      const worker = new Worker(new URL(import.meta.url), { workerData: rank });
      return /** @type {Promise<Float64Array>} */ (
        new Promise((resolve, reject) => worker.on("message", resolve).on("error", reject))
      );
    }),
  );
  const sum = parts[0].map((_, i) => parts.reduce((total, part) => total + part[i], 0));
  const whole = await layer(0, 1);
  const difference = sum.reduce((most, x, i) => Math.max(most, Math.abs(x - whole[i])), 0);
  console.log(
    `${RANKS} devices with ${HEADS / RANKS} heads each: at most ${difference.toExponential(1)} from one device`,
  );
  if (!(difference < 1e-9)) throw new Error("the parts do not add up");
} else {
  parentPort?.postMessage(await layer(workerData, RANKS));
}
