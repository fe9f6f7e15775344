// Workers that end by themselves: one in the middle of a kernel that would never end, one by a fault, which is an
// error of that worker alone. Then the process goes on computing.
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { closeGate, launchStray, openDevice } from "./gate.mjs";

function ended(task) {
  const worker = new Worker(new URL(import.meta.url), { workerData: task });
  return new Promise((resolve) => {
    worker.on("error", ({ code }) => resolve(code));
    worker.on("exit", resolve);
  });
}

if (isMainThread) {
  console.log("gate", await ended("gate"));
  console.log("fault", await ended("fault"));
  const { open, counter } = await closeGate(openDevice());
  await open();
  console.log("passed", ...(await counter.read()));
} else {
  const device = openDevice();
  if (workerData === "gate") await closeGate(device);
  else {
    launchStray(device);
    await device.defaultStream.synchronize();
  }
}
