// Terminates workers in the middle of a kernel that would never end, then computes in the same process.
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { closeGate, openDevice } from "./gate.mjs";

if (isMainThread) {
  for (let round = 0; round < 4; round++) {
    const worker = new Worker(new URL(import.meta.url));
    await new Promise((resolve) => worker.once("message", resolve));
    console.log("terminated", await worker.terminate());
  }
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
