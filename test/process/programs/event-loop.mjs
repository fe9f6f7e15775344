// Lets timers and I/O callbacks happen while a kernel is unfinished for two seconds on the only host thread.
import { readFile } from "node:fs/promises";
import { closeGate, openDevice } from "./gate.mjs";

const device = openDevice();
const { open, counter } = await closeGate(device);
let finished = false;
const reading = counter.read().then(([passed]) => {
  finished = true;
  console.log("passed", passed);
});
const start = performance.now();
let [timers, reads] = [0, 0];
const timer = setInterval(() => timers++, 1);
while (performance.now() - start < 2000 || timers < 100 || reads < 20) {
  await readFile(new URL(import.meta.url));
  reads++;
  await new Promise(setImmediate);
}
clearInterval(timer);
console.log("finished before", finished);
await open();
await reading;
await device.close();
