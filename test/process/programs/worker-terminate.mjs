// Terminates workers in the middle of kernels that would never end, WORKERS at once and ROUNDS times, then computes in
// the same process.
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { closeGate, openDevice } from "./gate.mjs";

if (isMainThread) {
  let terminated = 0;
  for (let round = 0; round < Number(process.env.ROUNDS); round++) {
    const workers = Array.from(
      { length: Number(process.env.WORKERS) },
      () => new Worker(new URL(import.meta.url)),
    );
    await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once("message", resolve))));
    const codes = await Promise.all(workers.map((worker) => worker.terminate()));
    terminated += codes.filter((code) => code === 1).length;
  }
  console.log("terminated", terminated);
  const device = openDevice();
  const { open, counter } = await closeGate(device);
  await open();
  console.log("passed", ...(await counter.read()));
  await device.close();
} else {
  const waiting = openDevice();
  const device = openDevice();
  const { counter } = await closeGate(device);
  waiting.defaultStream.wait(device.defaultStream.record());
  waiting.zeros([1], "uint8").read();
  counter.read();
  device.defaultStream.synchronize();
  device.zeros([100], "float32").dispose();
  parentPort.postMessage("running");
}
