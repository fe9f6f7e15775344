import { Device } from "../../../dist/index.js";

// Opens an emulated device and prints its name, or why there is none.
try {
  const device = Device.open({ emulate: "gfx942" });
  console.log(device.info.name);
  await device.close();
} catch (error) {
  console.log(`${error.name} ${error.code}\n${error.message}`);
}
