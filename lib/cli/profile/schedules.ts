import { type LaunchCounters, setEmulatorOption, takeLaunchCounters } from "../../device/emulator.js";
import type { Device } from "../../index.js";

/** An order in which waves advance, and when their memory accesses take effect (docs/emulator.md). */
export interface Schedule {
  readonly schedule: string;
  readonly delivery: "early" | "late";
}

/** The first is what others are compared with. */
const SCHEDULES: readonly Schedule[] = (["early", "late"] as const).flatMap((delivery) =>
  ["barrier", "turn", "turn:16", "reverse", "seed:1", "seed:2", "seed:3"].map((schedule) => ({
    schedule,
    delivery,
  })),
);

/** The object that `rocm-attention profile --schedules --json` prints. */
export interface SchedulesReport {
  readonly example: string;
  readonly schedules: readonly Schedule[];
  /** In the order in which they ran. `differs`: under which schedules this launch is the first to leave other bytes. */
  readonly launches: readonly { readonly kernel: string; readonly differs: readonly Schedule[] }[];
}

/** Runs an example once under every schedule and compares what each launch leaves in memory, byte by byte. */
export async function compareSchedules(
  device: Device,
  example: string,
  run: () => Promise<void>,
): Promise<SchedulesReport> {
  const runs: LaunchCounters[][] = [];
  setEmulatorOption("COUNTERS", "full");
  for (const { schedule, delivery } of SCHEDULES) {
    setEmulatorOption("SCHEDULE", schedule);
    setEmulatorOption("DELIVERY", delivery);
    await run();
    runs.push(takeLaunchCounters(device));
  }
  setEmulatorOption("COUNTERS", "off");
  return { example, schedules: SCHEDULES, launches: differences(runs) };
}

/** Launches behind one that differs may differ only because they read what it has left. */
function differences(runs: readonly LaunchCounters[][]): SchedulesReport["launches"] {
  const [expected, ...others] = runs as [LaunchCounters[], ...LaunchCounters[][]];
  const firsts = others.map((launches) =>
    expected.findIndex((launch, index) => !same(launch, launches[index])),
  );
  return expected.map(({ kernel }, index) => ({
    kernel,
    differs: SCHEDULES.slice(1).filter((_, other) => firsts[other] === index),
  }));
}

const same = (a: LaunchCounters, b: LaunchCounters | undefined) =>
  a.kernel === b?.kernel && a.memory?.writtenChecksum === b.memory?.writtenChecksum;

export const isDifferent = ({ launches }: SchedulesReport) =>
  launches.some(({ differs }) => differs.length > 0);

/** The report for people. */
export function formatSchedules(report: SchedulesReport): string {
  const { example, schedules, launches } = report;
  const lines = launches.map(({ kernel, differs }) => {
    const under = differs.map(({ schedule, delivery }) => `${schedule} ${delivery}`).join(", ");
    return `  ${kernel}: ${differs.length === 0 ? "the same" : `differs under ${under}`}`;
  });
  const verdict = isDifferent(report)
    ? "A result that depends on how far waves get, or on when a load arrives, is a race or a missing wait."
    : "No launch depends on how far its waves get between barriers, or on when a load arrives.";
  return [
    `${example}, under ${schedules.length} orders of waves and delays of memory:`,
    ...lines,
    verdict,
  ].join("\n");
}
