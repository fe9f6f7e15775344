import { EMULATED_ARCHS, type EmulatedArch } from "../device/device.js";
import { invalidArgument } from "../errors.js";
import { wholeNumber } from "./whole-number.js";

/** A GPU by its ordinal, or an emulated one. */
export type DeviceChoice = number | { readonly emulate: EmulatedArch };

/** What an ordinal or emulator:<arch> names. ERR_INVALID_ARGUMENT, with the `source` of the text, for anything else. */
export function parseDevice(text: string, source: "--device" | "ROCM_ATTENTION_DEVICE"): DeviceChoice {
  const emulate = EMULATED_ARCHS.find((name) => text === `emulator:${name}`);
  const choice = emulate === undefined ? wholeNumber(text) : { emulate };
  if (choice !== null) return choice;
  const emulators = EMULATED_ARCHS.map((name) => `emulator:${name}`).join(", ");
  throw invalidArgument(source, `a GPU's ordinal or one of ${emulators}`, text);
}
