// Opens and uses a device, closes nothing, and has nothing left to do.
import { openDevice } from "./gate.mjs";

const device = openDevice();
const tensor = await device.upload(Float32Array.of(1, 2), { shape: [2], dtype: "float32" });
device.createStream().record();
console.log(...(await tensor.readFloat32()));
