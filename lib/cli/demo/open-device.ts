import { Device, EMULATED_ARCHS, type EmulatedArch, RocmAttentionError } from "../../index.js";
import { findGpu } from "../gpu.js";

/** Few enough that a split of the work over them stays small: the host has a few cores, not hundreds. */
const EMULATED_COMPUTE_UNITS = 8;

/**
 * Opens what `--device` names: a GPU's ordinal or emulator:<arch>. Without it the first GPU that there are kernels
 * for, or an emulated gfx942, and says why where the machine has a GPU; the variable ROCM_ATTENTION_DEVICE stands above that.
 */
export function openDevice(choice: string | undefined = process.env.ROCM_ATTENTION_DEVICE): Device {
  if (choice === undefined || choice === "") {
    const { gpu, trouble } = findGpu();
    if (trouble !== null) {
      console.error(
        `The GPU is not used: ${trouble.text}. Next: ${trouble.next}\nAn emulated one runs instead.`,
      );
    }
    return gpu === null ? openEmulated("gfx942") : Device.open(gpu.ordinal);
  }
  const arch = EMULATED_ARCHS.find((name) => choice === `emulator:${name}`);
  if (arch !== undefined) return openEmulated(arch);
  if (/^\d+$/.test(choice)) return Device.open(Number(choice));
  const emulators = EMULATED_ARCHS.map((name) => `emulator:${name}`).join(", ");
  throw new RocmAttentionError(
    "ERR_INVALID_ARGUMENT",
    `expected a GPU's ordinal or one of ${emulators} for --device, received ${JSON.stringify(choice)}`,
    { argument: "device" },
  );
}

function openEmulated(emulate: EmulatedArch): Device {
  return Device.open({ emulate, computeUnits: EMULATED_COMPUTE_UNITS });
}
