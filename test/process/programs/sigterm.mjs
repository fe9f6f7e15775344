// Gets SIGTERM in the middle of a kernel; with HANDLE=1 it lets the kernel end and closes the device.
import { closeGate, openDevice } from "./gate.mjs";

const device = openDevice();
const { open, counter } = await closeGate(device);
const reading = counter.read();
if (process.env.HANDLE === "1") {
  process.once("SIGTERM", async () => {
    const closing = open().then(() => device.close());
    console.log("passed", ...(await reading));
    await closing;
    console.log("closed");
  });
}
process.kill(process.pid, "SIGTERM");
