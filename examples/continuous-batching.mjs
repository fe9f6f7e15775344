// Continuous batching over a BlockPool, without a server: more requests than run at once, prompts of which some begin alike,
// and a cache too small for all of them, so that sequences are put aside and computed again.
//
//     node examples/continuous-batching.mjs
import { Device } from "rocm-attention";
import { LanguageModel } from "../dist/cli/demo/model.js";
import { requireModel } from "../dist/cli/demo/model-file.js";
import { createSampler } from "../dist/cli/demo/sampler.js";
import { Engine } from "./completion-server/engine.mjs";

const model = LanguageModel.load(requireModel("gqa"));
const device = Device.open({ emulate: "gfx942", computeUnits: 8 });
const limits = { maxSequences: 4, maxTokens: 32, maxLength: 64, numBlocks: 8 };
const engine = await Engine.create(device, model, limits);

const PROMPTS = [
  "It was the best of all houses, and Emma was ",
  "It was the best of all houses, but Mr. Elton ",
  "Mrs. Bennet said ",
  "CHAPTER I\n\n",
  "It was the best of all houses; still ",
];
const texts = await Promise.all(
  PROMPTS.map(async (prompt) => {
    const bytes = [];
    for await (const byte of engine.submit(Buffer.from(prompt), {
      maxTokens: 12,
      sample: createSampler(0, 1),
    })) {
      bytes.push(byte);
    }
    return prompt + Buffer.from(bytes).toString();
  }),
);
for (const text of texts) console.log(JSON.stringify(text));

await engine.drain();
const { steps, preemptions, prefixes, freeBlocks, numBlocks } = engine.state();
console.log(
  `${steps} steps, ${prefixes.hitBlocks} blocks of prompts found again, ${preemptions} sequences put aside`,
);
if (freeBlocks !== numBlocks) throw new Error(`${numBlocks - freeBlocks} blocks are still taken`);
await device.close();
