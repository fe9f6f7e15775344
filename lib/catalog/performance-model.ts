import { RocmAttentionError } from "../errors.js";
import { placeWorkgroups, type WorkgroupCost } from "./place-workgroups.js";
import { TARGETS } from "./targets.js";

const LINE_BYTES = 128;
const MODELLED = TARGETS.filter(({ model }) => model !== null).map(({ name }) => name);
/** From one kernel's end to the next one's first instruction. */
export const LAUNCH_MICROSECONDS = 3;
/** From a load's issue to its data, in an idle memory and in a busy one. */
const LATENCY_MICROSECONDS = 0.8;
const LOADED_LATENCY_MICROSECONDS = 2;

/** What a compute unit has, each busy for a time of its own. */
const COMPUTE_UNIT_UNITS = [
  "matrix",
  "vector",
  "transcendental",
  "lds",
  "l1",
  "issue",
  "latency",
] as const satisfies readonly (keyof WorkgroupCost)[];
export const MODEL_UNITS = [...COMPUTE_UNIT_UNITS, "l2", "memory"] as const;
export type ModelUnit = (typeof MODEL_UNITS)[number];

/** The least time of a launch by a model. Nothing of it is measured: it ranks kernels and shows what binds them. */
export interface LaunchModel {
  /** How long each unit would be busy in its busiest instance, in microseconds. */
  readonly microseconds: Readonly<Record<ModelUnit, number>>;
  /** The unit that is busy longest. */
  readonly bound: ModelUnit;
  /** The launch itself and the longest of the units. */
  readonly total: number;
  /** The same where a load takes 2 microseconds, as in a busy memory, and not 0.8. */
  readonly loadedTotal: number;
  /** XCDs and compute units that have at least a tenth of the busiest compute unit's work. */
  readonly busyXcds: number;
  readonly busyComputeUnits: number;
  /** Bytes of loads that a compute unit has on their way at a time. */
  readonly bytesInFlight: number;
  /** Different 128-byte lines that the whole launch reads and writes. */
  readonly lines: { readonly read: number; readonly written: number };
}

/** Counts of one workgroup. Clocks and bytes are those of all its waves, `issueClocks` and `loadLatencies` of the busiest. */
export type WorkgroupCounts = Readonly<
  Record<
    | ("matrixClocks" | "vectorClocks" | "transcendentalClocks" | "ldsClocks" | "issueClocks")
    | ("lines" | "linesRead" | "linesWritten" | "loadBytes" | "loadLatencies"),
    number
  >
>;

/** Counts of the 128-byte lines of an allocation; shared are those that more than one workgroup touched. */
export type AllocationCounts = Readonly<
  Record<"bytes" | "linesRead" | "linesReadShared" | "linesWritten" | "linesWrittenShared", number>
>;

/** Counts of one launch, as an emulated device makes them with COUNTERS=full or sample:N. */
export interface LaunchCounts {
  /** Workgroups in x, y and z. */
  readonly grid: readonly [number, number, number];
  /** Waves of the whole grid. */
  readonly waves: number;
  readonly workgroupsPerComputeUnit: number;
  /** All workgroups by their number, or of each of as many ranges of them one, which stands for the range. */
  readonly workgroups?: readonly WorkgroupCounts[];
  readonly memory?: { readonly allocations: readonly AllocationCounts[] };
}

/** The device that a launch is modelled on. */
export interface ModelledDevice {
  readonly arch: string;
  readonly computeUnits: number;
  readonly xcds: number;
}

/** Workgroups of the grid. */
export function workgroupsOf({ grid: [x, y, z] }: Pick<LaunchCounts, "grid">): number {
  return x * y * z;
}

/** What the counts of a launch's sample have to be multiplied by: workgroups of the grid for each that was counted. */
export function sampleFactor(launch: Pick<LaunchCounts, "grid" | "workgroups">): number {
  return workgroupsOf(launch) / (launch.workgroups?.length ?? Number.NaN);
}

/**
 * Different lines of an allocation in the whole launch: those that one workgroup of the sample touches alone stand for as
 * many of the workgroups left out, up to the allocation's end; shared ones are taken for all that there are.
 */
export function allocationLines(
  { bytes, linesRead, linesReadShared, linesWritten, linesWrittenShared }: AllocationCounts,
  factor: number,
): { read: number; written: number } {
  const most = Math.ceil(bytes / LINE_BYTES);
  const scaled = (lines: number, shared: number) =>
    Math.max(lines, Math.min(most, shared + (lines - shared) * factor));
  return { read: scaled(linesRead, linesReadShared), written: scaled(linesWritten, linesWrittenShared) };
}

/**
 * Models a launch from its counts. Workgroups go to XCDs in turn, and there to the compute unit with the least work, as
 * many at a time as its registers and LDS hold; units overlap perfectly. Each different line comes from device memory once,
 * and from the L2 cache of its XCD once for each workgroup. ERR_INVALID_ARGUMENT for an unknown target.
 */
export function modelLaunch(launch: LaunchCounts, device: ModelledDevice): LaunchModel {
  const limits = TARGETS.find(({ name }) => name === device.arch)?.model ?? null;
  const { workgroups, memory } = launch;
  if (limits === null || workgroups === undefined || memory === undefined) {
    throw new RocmAttentionError(
      "ERR_INVALID_ARGUMENT",
      `expected full counters and one of ${MODELLED.join(", ")}, received ${device.arch}`,
      { argument: "launch" },
    );
  }
  const clocksPerMicrosecond = limits.memoryBoundGHz * 1e3;
  const costs = workgroups.map((counts) => ({
    matrix: counts.matrixClocks / limits.matrixBoundGHz / 1e3,
    vector: counts.vectorClocks / clocksPerMicrosecond,
    transcendental: counts.transcendentalClocks / clocksPerMicrosecond,
    lds: counts.ldsClocks / clocksPerMicrosecond,
    l1: (counts.lines * LINE_BYTES) / limits.l1BytesPerClock / clocksPerMicrosecond,
    issue: counts.issueClocks / clocksPerMicrosecond,
    latency: counts.loadLatencies * LATENCY_MICROSECONDS,
    l2Bytes: (counts.linesRead + counts.linesWritten) * LINE_BYTES,
  }));
  const total = workgroupsOf(launch);
  const placed = placeWorkgroups(costs, {
    ...device,
    workgroups: total,
    wavesPerWorkgroup: launch.waves / total,
    residents: launch.workgroupsPerComputeUnit,
  });
  const factor = sampleFactor(launch);
  const lines = { read: 0, written: 0 };
  for (const allocation of memory.allocations) {
    const { read, written } = allocationLines(allocation, factor);
    lines.read += read;
    lines.written += written;
  }
  const microseconds = {
    ...placed.busiest,
    l2: placed.busiestL2Bytes / limits.l2BytesPerClock / clocksPerMicrosecond,
    memory: ((lines.read + lines.written) * LINE_BYTES) / limits.hbmTBs / 1e6,
  };
  const bound = MODEL_UNITS.reduce((most, unit) => (microseconds[unit] > microseconds[most] ? unit : most));
  const loaded = (microseconds.latency * LOADED_LATENCY_MICROSECONDS) / LATENCY_MICROSECONDS;
  const sum = (key: "loadBytes" | "loadLatencies") =>
    workgroups.reduce((all, counts) => all + counts[key], 0);
  const atOnce = Math.min(
    launch.workgroupsPerComputeUnit,
    Math.max(1, total / Math.max(1, placed.busyComputeUnits)),
  );
  return {
    microseconds,
    bound,
    total: LAUNCH_MICROSECONDS + microseconds[bound],
    loadedTotal: LAUNCH_MICROSECONDS + Math.max(microseconds[bound], loaded),
    busyXcds: placed.busyXcds,
    busyComputeUnits: placed.busyComputeUnits,
    bytesInFlight: sum("loadLatencies") === 0 ? 0 : (sum("loadBytes") / sum("loadLatencies")) * atOnce,
    lines,
  };
}
