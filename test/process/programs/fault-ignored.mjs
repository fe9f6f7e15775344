// Never asks what became of a kernel that touches memory which is not there, and goes on with another device.
import { launchStray, openDevice } from "./gate.mjs";

const device = openDevice();
launchStray(device);
while (!device.lost) await new Promise((resolve) => setTimeout(resolve, 1));
const other = openDevice();
console.log("other", ...(await other.zeros([2], "int32").read()));
