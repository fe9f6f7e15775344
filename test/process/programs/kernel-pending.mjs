// Ends while a kernel runs that would never end, and nobody waits for it.
import { closeGate, openDevice } from "./gate.mjs";

await closeGate(openDevice());
console.log("end");
