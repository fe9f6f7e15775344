// Has nothing but a Promise of the package to wait for, once the gate is opened by a timer. While the kernel runs the
// event loop goes on: otherwise the gate would stay closed for ever.
import { closeGate, openDevice } from "./gate.mjs";

const device = openDevice();
const { open, counter } = await closeGate(device);
counter.read().then(([passed]) => console.log("passed", passed));
const ticks = [];
const timer = setInterval(() => {
  ticks.push(performance.now());
  if (ticks.length < 5) return;
  clearInterval(timer);
  open().then(() => console.log("opened after", ticks.length));
}, 1);
