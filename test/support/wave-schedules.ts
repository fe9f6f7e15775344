import fc from "fast-check";
import { setEmulatorOption } from "../../lib/device/emulator.js";
import { onGpu } from "./device.js";

/** How the emulator runs the waves of a workgroup and when their loads arrive; results must not depend on it. */
export interface WaveSchedule {
  readonly schedule: string;
  readonly delivery: "early" | "late";
}

const USUAL: WaveSchedule = { schedule: "barrier", delivery: "early" };

/** The usual one in two of three cases, since others take longer; a GPU has its own whatever is drawn. */
export const waveSchedules: fc.Arbitrary<WaveSchedule> = fc.oneof(
  { weight: 2, arbitrary: fc.constant(USUAL) },
  fc.record({
    schedule: fc.constantFrom("turn:7", "reverse", "seed:1"),
    delivery: fc.constantFrom("early", "late"),
  }),
);

/** What work on the emulator comes to under a schedule. */
export async function underSchedule<Result>(
  { schedule, delivery }: WaveSchedule,
  work: () => Promise<Result>,
): Promise<Result> {
  setSchedule(schedule, delivery);
  try {
    return await work();
  } finally {
    setSchedule(USUAL.schedule, USUAL.delivery);
  }
}

function setSchedule(schedule: string, delivery: string): void {
  if (onGpu) return;
  setEmulatorOption("SCHEDULE", schedule);
  setEmulatorOption("DELIVERY", delivery);
}
