// Workers that end without closing their device: one at rest, one in the middle of a kernel, one while it closes. What
// HIP made for them is freed, and the process goes on.
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { emulatorCalls } from "../../../dist/device/emulator.js";
import { createAttention, createBatch, Device } from "../../../dist/index.js";
import { closeGate, openDevice } from "./gate.mjs";

const PAIRS = [
  ["hipModuleLoadData", "hipModuleUnload"],
  ["hipStreamCreateWithFlags", "hipStreamDestroy"],
  ["hipEventCreateWithFlags", "hipEventDestroy"],
  ["hipGraphInstantiateWithFlags", "hipGraphExecDestroy"],
  ["rocmEmulatorCreateDevice", "rocmEmulatorDestroyDevice"],
];

async function use(task) {
  const device = openDevice();
  const attention = createAttention(device, { numHeads: 2, numKvHeads: 1, headSize: 64, dtype: "float16" });
  const cache = attention.createKvCache({ numBlocks: 4 });
  const batch = createBatch(device, { maxSequences: 1, maxTokens: 1, maxBlocksPerSequence: 4 });
  batch.update({ queryStartLoc: [0, 1], seqLens: [1], blockTable: [[0]] });
  const [query, key, output] = [2, 1, 2].map((heads) => device.zeros([1, heads, 64], "float16"));
  const step = { query, key, value: key, output, cache: cache.layer(0), batch };
  attention.forward(step);
  const stream = device.createStream();
  stream.wait(device.defaultStream.record());
  stream.beginCapture();
  device.zeros([16], "float32", { stream });
  stream.endCapture().launch(stream);
  stream.record();
  await output.read();
  if (task === "kernel") await closeGate(device);
  if (task === "closing") device.close();
}

if (isMainThread) {
  for (const task of ["rest", "kernel", "closing", "rest"]) {
    const worker = new Worker(new URL(import.meta.url), { workerData: task });
    await new Promise((resolve, reject) => worker.on("exit", resolve).on("error", reject));
  }
  const open = PAIRS.map(([made, freed]) => [made, emulatorCalls(made), emulatorCalls(freed)]);
  console.log("left", ...open.filter(([, made, freed]) => made !== freed || made === 0).flat());
  const device = Device.open({ emulate: "gfx942", computeUnits: 2, memoryBytes: 2 ** 28 });
  console.log("passed", ...(await device.zeros([2], "int32").read()));
  await device.close();
} else {
  await use(workerData);
}
