// What a selection costs once the first has run: node bench/selection.mjs (reads dist/). It should stay below 20 us,
// so that a server can ask for every layer of every model that it loads.
import { Bench } from "tinybench";
import { explain, selectBackend } from "../dist/selection/explain.js";
import { parseWords } from "../scripts/setup/words.mjs";

parseWords("npm run bench:selection    what a choice of a backend costs");
const llama = { numHeads: 32, numKvHeads: 8, headSize: 128, dtype: "bfloat16" };
const deepseek = { numHeads: 16, kvLoraRank: 512, dtype: "bfloat16" };
const flags = { VLLM_ROCM_USE_AITER: "1", VLLM_ROCM_USE_AITER_MHA: "0" };

const bench = new Bench({ time: 500 })
  .add("selectBackend, process.env", () => selectBackend(llama))
  .add("selectBackend, two flags", () => selectBackend(llama, { env: flags }))
  .add("explain, latent attention", () => explain(deepseek, { env: {} }));
await bench.run();

console.table(
  bench.tasks.map(({ name, result }) => ({
    selection: name,
    "median in us": (result.latency.p50 * 1000).toFixed(1),
    "99 of 100 below": (result.latency.p99 * 1000).toFixed(1),
  })),
);
