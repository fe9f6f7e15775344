// Waits for a kernel that touches memory which is not there, and does not expect that to fail.
import { launchStray, openDevice } from "./gate.mjs";

const device = openDevice();
launchStray(device);
await device.defaultStream.synchronize();
