// Lets many streams of two devices work, and says which threads that takes.
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { openDevice } from "./gate.mjs";

const STREAMS = 3;
const devices = [openDevice(), openDevice()];
const queues = devices.map((device) => device.defaultStream); // kept: each has a thread that works, too
for (const device of devices) {
  const kernel = device.loadModule(readFileSync(process.env.KERNELS)).kernel("add");
  for (let stream = 0; stream < STREAMS; stream++) {
    const tensor = device.zeros([64 * 500], "float32");
    const kernargs = new Uint8Array(16);
    new DataView(kernargs.buffer).setBigUint64(0, tensor.pointer, true);
    const queue = device.createStream();
    queue.wait(device.defaultStream.record());
    queue.launch(kernel, { grid: [500], block: 64, kernargs });
    queue.record().reached();
    queues.push(queue);
  }
}
await Promise.all(queues.map((queue) => queue.synchronize()));

/** The nice value of a thread, the 19th field of its stat file (proc(5)); the second one may hold spaces. */
function niceOf(thread) {
  const fields = readFileSync(`/proc/self/task/${thread}/stat`, "utf8").replace(/.*\) /s, "").split(" ");
  return Number(fields[16]);
}
const own = niceOf(process.pid);
const lower = readdirSync("/proc/self/task").filter((thread) => niceOf(thread) > own).length;
const pool = lower - queues.length;
console.log("one pool", pool >= 0 && pool <= availableParallelism() - 1);
await Promise.all(devices.map((device) => device.close()));
