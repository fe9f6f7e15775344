import { Device } from "../../index.js";
import { type DeviceChoice, parseDevice } from "../device-choice.js";
import { findGpu } from "../gpu.js";

/** Few enough that a split of the work over them stays small: the host has a few cores, not hundreds. */
const EMULATED_COMPUTE_UNITS = 8;

/**
 * Opens the device that is named, else that of ROCM_ATTENTION_DEVICE, else the first GPU that there are kernels for, else an
 * emulated gfx942; says why where the machine has a GPU.
 */
export function openDevice(named?: DeviceChoice): Device {
  const variable = process.env.ROCM_ATTENTION_DEVICE;
  const choice = named ?? (variable ? parseDevice(variable, "ROCM_ATTENTION_DEVICE") : firstGpu());
  return Device.open(
    typeof choice === "number" ? choice : { ...choice, computeUnits: EMULATED_COMPUTE_UNITS },
  );
}

function firstGpu(): DeviceChoice {
  const { gpu, trouble } = findGpu();
  if (trouble !== null) {
    console.error(
      `The GPU is not used: ${trouble.text}. Next: ${trouble.next}\nAn emulated one runs instead.`,
    );
  }
  return gpu?.ordinal ?? { emulate: "gfx942" };
}
