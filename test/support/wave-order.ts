import { setEmulatorOption } from "../../lib/device/emulator.js";

/** How the emulator runs waves, and when their memory instructions take effect. */
export interface WaveOrder {
  delivery: "early" | "late";
  schedule: string;
}

/** What kernels whose waits and barriers their authors have placed by hand are tried under. The first is the default. */
export const WAVE_ORDERS: readonly WaveOrder[] = [
  { delivery: "early", schedule: "barrier" },
  { delivery: "late", schedule: "reverse" },
  { delivery: "late", schedule: "seed:1" },
];

export function setWaveOrder({ delivery, schedule }: WaveOrder = WAVE_ORDERS[0]!): void {
  setEmulatorOption("DELIVERY", delivery);
  setEmulatorOption("SCHEDULE", schedule);
}
