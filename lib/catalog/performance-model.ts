import { RocmAttentionError } from "../errors.js";
import { TARGETS } from "./targets.js";

const LINE_BYTES = 128;
const SIMDS = 4;
const MODELLED = TARGETS.filter(({ model }) => model !== null).map(({ name }) => name);
/** From one kernel's end to the next one's first instruction. */
const LAUNCH_MICROSECONDS = 3;

export const MODEL_UNITS = ["matrix", "vector", "lds", "l1", "memory"] as const;
export type ModelUnit = (typeof MODEL_UNITS)[number];

/** The least time of a launch by a model. Nothing of it is measured: it ranks kernels and shows what binds them. */
export interface LaunchModel {
  /** How long each unit would be busy in its busiest instance, in microseconds. */
  readonly microseconds: Record<ModelUnit, number>;
  /** The unit that is busy longest. */
  readonly bound: ModelUnit;
  /** The launch itself and the longest of the units. */
  readonly total: number;
}

/** Counts of one launch, as an emulated device makes them with COUNTERS=full. */
export interface LaunchCounts {
  /** Workgroups in x, y and z. */
  readonly grid: readonly [number, number, number];
  readonly waves: number;
  /** Clocks, summed over all waves, for which instructions occupy their SIMD's ALUs. */
  readonly clocks: Readonly<Record<"vector" | "transcendental" | "matrix", number>>;
  /** 128-byte lines: of every access in `lines`, different ones in the others. */
  readonly memory?: Readonly<Record<"ldsClocks" | "lines" | "linesRead" | "linesWritten", number>>;
}

/**
 * Models a launch from its counts: workgroups go to compute units in turn, all do the same work, units
 * overlap perfectly and each line comes from device memory once. ERR_INVALID_ARGUMENT for an unknown target.
 */
export function modelLaunch(
  launch: LaunchCounts,
  { arch, computeUnits }: { arch: string; computeUnits: number },
): LaunchModel {
  const limits = TARGETS.find(({ name }) => name === arch)?.model ?? null;
  if (limits === null || launch.memory === undefined) {
    throw new RocmAttentionError(
      "ERR_INVALID_ARGUMENT",
      `expected full counters and one of ${MODELLED.join(", ")}, received ${arch}`,
      { argument: "launch" },
    );
  }
  const [x, y, z] = launch.grid;
  const workgroups = x * y * z;
  const busiest = Math.ceil(workgroups / computeUnits);
  const ofComputeUnit = busiest / workgroups;
  const ofSimd = Math.ceil((busiest * launch.waves) / workgroups / SIMDS) / launch.waves;
  const { clocks, memory } = launch;
  const microseconds = {
    matrix: (clocks.matrix * ofSimd) / limits.matrixBoundGHz / 1e3,
    vector: ((clocks.vector + clocks.transcendental) * ofSimd) / limits.memoryBoundGHz / 1e3,
    lds: (memory.ldsClocks * ofComputeUnit) / limits.memoryBoundGHz / 1e3,
    l1: (memory.lines * LINE_BYTES * ofComputeUnit) / limits.l1BytesPerClock / limits.memoryBoundGHz / 1e3,
    memory: ((memory.linesRead + memory.linesWritten) * LINE_BYTES) / limits.hbmTBs / 1e6,
  };
  const bound = MODEL_UNITS.reduce((most, unit) => (microseconds[unit] > microseconds[most] ? unit : most));
  return { microseconds, bound, total: LAUNCH_MICROSECONDS + microseconds[bound] };
}
