import type { LaunchCounters } from "../device/counters.js";
import { RocmAttentionError } from "../errors.js";

/** What a target can do at most. Clocks in GHz, rates of one compute unit in bytes per clock. */
interface TargetLimits {
  /** Device memory, as far as published measurements reach (81 % of the peak), in TB/s. */
  readonly memoryTerabytes: number;
  readonly clock: number;
  /** The clock under sustained matrix work, which power limits; the peak clock where nothing is published. */
  readonly matrixClock: number;
  readonly l1BytesPerClock: number;
}

/**
 * gfx942: AMD, "Measuring max-achievable FLOPs" (MI300X in bfloat16: 1.2 GHz). Peaks: the data sheets of MI300X, MI355X and
 * MI250X (one die).
 */
const LIMITS: Record<string, TargetLimits> = {
  gfx942: { memoryTerabytes: 4.3, clock: 2.1, matrixClock: 1.2, l1BytesPerClock: 64 },
  gfx950: { memoryTerabytes: 6.5, clock: 2.4, matrixClock: 2.4, l1BytesPerClock: 128 },
  gfx90a: { memoryTerabytes: 1.3, clock: 1.7, matrixClock: 1.7, l1BytesPerClock: 64 },
};

const LINE_BYTES = 128;
const SIMDS = 4;
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

/**
 * Models a launch from its counters (COUNTERS=full): workgroups go to compute units in turn, all do the same work, units
 * overlap perfectly and each line comes from device memory once. ERR_INVALID_ARGUMENT for an unknown target.
 */
export function modelLaunch(
  launch: LaunchCounters,
  { arch, computeUnits }: { arch: string; computeUnits: number },
): LaunchModel {
  const limits = LIMITS[arch];
  if (limits === undefined || launch.memory === undefined) {
    throw new RocmAttentionError(
      "ERR_INVALID_ARGUMENT",
      `expected full counters and one of ${Object.keys(LIMITS).join(", ")}, received ${arch}`,
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
    matrix: (clocks.matrix * ofSimd) / limits.matrixClock / 1e3,
    vector: ((clocks.vector + clocks.transcendental) * ofSimd) / limits.clock / 1e3,
    lds: (memory.ldsClocks * ofComputeUnit) / limits.clock / 1e3,
    l1: (memory.lines * LINE_BYTES * ofComputeUnit) / limits.l1BytesPerClock / limits.clock / 1e3,
    memory: ((memory.linesRead + memory.linesWritten) * LINE_BYTES) / limits.memoryTerabytes / 1e6,
  };
  const bound = MODEL_UNITS.reduce((most, unit) => (microseconds[unit] > microseconds[most] ? unit : most));
  return { microseconds, bound, total: LAUNCH_MICROSECONDS + microseconds[bound] };
}
