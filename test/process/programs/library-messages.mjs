// Prints what a machine without a usable HIP runtime gets to see.
import { Device } from "../../../dist/index.js";

console.log(JSON.stringify(Device.list()));
try {
  Device.open();
} catch (error) {
  console.log(error.name, error.code);
  console.log(error.message);
}
