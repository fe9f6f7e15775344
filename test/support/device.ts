import { Device, EMULATED_ARCHS, type EmulatedDeviceOptions } from "../../lib/device/device.js";
import { setEmulatorOption } from "../../lib/device/emulator.js";
import { RocmAttentionError } from "../../lib/errors.js";

const choice = process.env.ROCM_ATTENTION_TEST_DEVICE || "emulator:gfx942";
const emulated = EMULATED_ARCHS.find((arch) => choice === `emulator:${arch}`);

/** Whether the device tests run on GPU 0 (ROCM_ATTENTION_TEST_DEVICE=gpu) or on the emulator (emulator:gfx942). */
export const onGpu = choice === "gpu";
if (!onGpu && emulated === undefined) {
  throw new Error(`expected gpu or emulator:<arch> in ROCM_ATTENTION_TEST_DEVICE, received ${choice}`);
}

/** The device of the tests as the demo's option --device names it. */
export const testDeviceName = onGpu ? "0" : choice;

/** The device of the tests: GPU 0, or an emulated one, by default a gfx942, with 8 compute units and 4 GiB. */
export function openTestDevice(options: Partial<EmulatedDeviceOptions> = {}): Device {
  if (onGpu) return Device.open(0);
  return Device.open({ emulate: emulated!, computeUnits: 8, memoryBytes: 4 * 2 ** 30, ...options });
}

/** Sets options of the emulator; false where one is refused. */
export function setOptions(options: Record<string, string>): boolean {
  try {
    for (const [name, value] of Object.entries(options)) setEmulatorOption(name, value);
    return true;
  } catch (error) {
    if (error instanceof RocmAttentionError && error.code === "ERR_INVALID_ARGUMENT") return false;
    throw error;
  }
}
