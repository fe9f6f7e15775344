import { invalidArgument } from "../errors.js";
import { emulatorLibrary, native } from "../native.js";

/**
 * Sets an option of the emulator for what is launched or called from now on, in the whole process: what the variable
 * ROCM_EMULATOR_<name> would (docs/emulator.md), e.g. ("SCHEDULE", "reverse").
 */
export function setEmulatorOption(name: string, value: string): void {
  if (!native().setEmulatorOption(emulatorLibrary(), name, value)) {
    throw invalidArgument("option", "an option and a value of the emulator", `${name}=${value}`);
  }
}

/** How often a HIP function ("hipMalloc") of the emulator has been called in this process: to fail each call once. */
export function emulatorCalls(name: string): number {
  return native().emulatorCalls(emulatorLibrary(), name);
}
