// What nobody disposes of is freed by the garbage collector (--expose-gc), and loops leave nothing behind.
import { readdirSync, readFileSync } from "node:fs";
import { emulatorCalls } from "../../../dist/device/emulator.js";
import { createAttention, createBatch } from "../../../dist/index.js";
import { openDevice } from "./gate.mjs";

const device = openDevice();
const tick = () => new Promise((resolve) => setTimeout(resolve, 5));

async function until(condition) {
  for (let round = 0; round < 200 && !condition(); round++) {
    globalThis.gc();
    await tick();
  }
  if (!condition()) console.log(`never: ${condition}`);
}

const settled = (what, expected) => until(() => device.memory()[what] === expected);

async function use(round) {
  const tensor = await device.upload(new Float32Array(1024).fill(round), { shape: [1024], dtype: "float32" });
  const stream = device.createStream();
  stream.wait(device.defaultStream.record());
  await tensor.view({ shape: [16] }).read({ stream });
  return tensor;
}

for (let round = 0; round < 100; round++) await use(round);
await settled("reserved", 0);
console.log("collected", device.memory().allocated);

for (let round = 0; round < 300; round++) (await use(round)).dispose();
await device.defaultStream.synchronize();
await settled("reserved", 0);
const { peak, staging } = device.memory();
console.log("peak", peak <= 100 * 4096, "staging", staging <= 16 * 4096);

// Graphs with what their captures own, and captures that become none; their streams with them, modules and events.
let ends = 0;
function capture(end) {
  const stream = device.createStream();
  const kernel = device.loadModule(readFileSync(process.env.KERNELS)).kernel("add");
  const tensor = device.zeros([64], "float32", { stream });
  const kernargs = new BigUint64Array([tensor.pointer, 0n]);
  stream.beginCapture();
  stream.capture.own({ dispose: () => ends++ });
  stream.capture.own(device.empty([1024], "float32"));
  stream.launch(kernel, { grid: [1], block: 64, kernargs });
  if (!end) return;
  const graph = stream.endCapture();
  graph.launch(stream);
  stream.record();
}
const streams = () => emulatorCalls("hipStreamCreateWithFlags") - emulatorCalls("hipStreamDestroy");
const modules = () => emulatorCalls("hipModuleLoadData") - emulatorCalls("hipModuleUnload");
const threads = () => readdirSync("/proc/self/task").length;
for (let round = 0; round < 100; round++) capture(round % 2 === 0);
await settled("reserved", 0);
await until(() => streams() === 1 && modules() === 0);
await until(() => threads() < 50);
console.log("captures ended", ends);

// Streams with the workspace of attention on them.
const attention = createAttention(device, { numHeads: 2, numKvHeads: 1, headSize: 64, dtype: "float16" });
const cache = attention.createKvCache({ numBlocks: 4 });
const batch = createBatch(device, { maxSequences: 1, maxTokens: 1, maxBlocksPerSequence: 4 });
batch.update({ queryStartLoc: [0, 1], seqLens: [33], blockTable: [[0, 1, 2]] });
const [query, key, output] = [2, 1, 2].map((heads) => device.zeros([1, heads, 64], "float16"));
async function attend(graph) {
  const stream = device.createStream();
  stream.wait(device.defaultStream.record());
  if (graph) stream.beginCapture();
  attention.forward({ query, key, value: key, output, cache: cache.layer(0), batch, stream });
  if (graph) stream.endCapture().launch(stream);
  await stream.synchronize();
}
attention.prepare(batch);
const { workspace } = device.memory().byCategory;
for (let round = 0; round < 40; round++) await attend(round % 2 === 0);
await until(() => streams() === 1 && device.memory().byCategory.workspace === workspace);
attention.dispose();
await until(() => device.memory().byCategory.workspace === 0);
console.log("workspace was needed", workspace > 0);

// Devices too: whoever forgets close() loses nothing for ever.
for (let round = 0; round < 50; round++) openDevice().zeros([16], "uint8");
globalThis.gc();
await tick();
console.log("end");
