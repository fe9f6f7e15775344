import { log } from "../log.js";
import { native } from "../native.js";
import { emulatorLibrary } from "../native-files.js";

/** A sentence on the emulator's speed, where this processor makes it slow; else null. */
export function slowEmulation(): string | null {
  if (native().emulatorCpuLevel(emulatorLibrary()) !== "x86_64") return null;
  return (
    "the emulator runs its code for plain x86-64, which computes fused multiply-adds in software: attention takes some " +
    "thirty times as long as on a processor with AVX2 and FMA (x86-64-v3)"
  );
}

let told = false;

/** Warns of it, once in a thread. */
export function warnOfSlowEmulation(): void {
  const warning = told ? null : slowEmulation();
  if (warning === null) return;
  told = true;
  log("warn", warning);
}
