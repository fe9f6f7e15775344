// A device with a kernel that runs until it is let through, or with one that goes astray.
import { readFileSync } from "node:fs";
import { Device } from "../../../dist/index.js";

export function openDevice() {
  return Device.open({ emulate: "gfx942", computeUnits: 2, memoryBytes: 2 ** 28 });
}

/** Enqueues a kernel on the default stream that runs until `open` is called; `counter` then holds 1. */
export async function closeGate(device) {
  const kernel = device.loadModule(readFileSync(process.env.KERNELS)).kernel("wait");
  const gate = await device.upload(new Int32Array(2), { shape: [2], dtype: "int32" });
  const kernargs = new BigUint64Array([gate.pointer]);
  device.defaultStream.launch(kernel, { grid: [1], block: 64, kernargs });
  const key = device.createStream();
  const open = () => gate.view({ shape: [1] }).write(Int32Array.of(1), { stream: key });
  return { open, counter: gate.view({ shape: [1], byteOffset: 4 }) };
}

/** Enqueues a kernel on the default stream that writes where nothing is. */
export function launchStray(device) {
  const kernel = device.loadModule(readFileSync(process.env.KERNELS)).kernel("stray");
  const kernargs = new BigUint64Array([device.zeros([4], "int32").pointer]);
  device.defaultStream.launch(kernel, { grid: [1], block: 64, kernargs });
}
