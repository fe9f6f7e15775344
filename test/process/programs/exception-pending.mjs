// Throws what nobody catches while a Promise waits for a kernel that would never end.
import { closeGate, openDevice } from "./gate.mjs";

const { counter } = await closeGate(openDevice());
counter.read().finally(() => console.log("never"));
setTimeout(() => {
  throw new Error("uncaught");
}, 20);
