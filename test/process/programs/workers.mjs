// Eight threads, each with a device of its own, all computing at once.
import { readFileSync } from "node:fs";
import { isMainThread, parentPort, threadId, Worker } from "node:worker_threads";
import { openDevice } from "./gate.mjs";

if (isMainThread) {
  const workers = Array.from({ length: 8 }, () => new Worker(new URL(import.meta.url)));
  const answers = workers.map(
    (worker) =>
      new Promise((resolve, reject) => {
        worker.on("message", resolve);
        worker.on("error", reject);
      }),
  );
  console.log("right", (await Promise.all(answers)).filter(Boolean).length);
} else {
  const device = openDevice();
  const add = device.loadModule(readFileSync(process.env.KERNELS)).kernel("add");
  const tensor = device.zeros([256], "float32");
  const kernargs = new Uint8Array(16);
  const view = new DataView(kernargs.buffer);
  view.setBigUint64(0, tensor.pointer, true);
  view.setFloat32(8, threadId, true);
  view.setInt32(12, 256, true);
  for (let launch = 0; launch < 50; launch++) {
    device.defaultStream.launch(add, { grid: [4], block: 64, kernargs });
    if (launch % 10 === 0) await device.defaultStream.synchronize();
  }
  const values = await tensor.readFloat32();
  // Half of them close their device, half leave that to the thread's end.
  if (threadId % 2 === 0) await device.close();
  parentPort.postMessage(values.every((value) => value === 50 * threadId));
}
