// Calls process.exit() while a Promise waits for a kernel that would never end.
import { closeGate, openDevice } from "./gate.mjs";

const device = openDevice();
const { counter } = await closeGate(device);
counter.read().finally(() => console.log("never"));
device.zeros([4], "float32").dispose();
setTimeout(() => process.exit(7), 20);
