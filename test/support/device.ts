import { Device, type EmulatedDeviceOptions } from "../../lib/device/device.js";

/** Whether the device tests run on GPU 0 (ROCM_ATTENTION_TEST_DEVICE=gpu) or, by default, on the emulator. */
export const onGpu = process.env.ROCM_ATTENTION_TEST_DEVICE === "gpu";

/** The device of the tests: GPU 0, or an emulated gfx942 with 8 compute units and 4 GiB. */
export function openTestDevice(options: Partial<EmulatedDeviceOptions> = {}): Device {
  if (onGpu) return Device.open(0);
  return Device.open({ emulate: "gfx942", computeUnits: 8, memoryBytes: 4 * 2 ** 30, ...options });
}
