const SIMDS = 4;
/** Of the busiest compute unit's work: with less one counts as idle. */
const BUSY_SHARE = 0.1;

/** What a workgroup takes of a compute unit: microseconds of each unit, and bytes of the L2 cache. */
export interface WorkgroupCost {
  /** Of all its waves together; SIMDs share them. */
  readonly matrix: number;
  readonly vector: number;
  readonly transcendental: number;
  /** Of all its waves together; the compute unit has one. */
  readonly lds: number;
  readonly l1: number;
  /** Of its busiest wave: those of other waves overlap. */
  readonly issue: number;
  readonly latency: number;
  readonly l2Bytes: number;
}

type Unit = Exclude<keyof WorkgroupCost, "l2Bytes">;

interface Placement {
  /** Of each unit the time in the compute unit where it is busiest. */
  readonly busiest: Readonly<Record<Unit, number>>;
  readonly busiestL2Bytes: number;
  readonly busyXcds: number;
  readonly busyComputeUnits: number;
}

/** The unit's time for workgroups of which these are the sum and the largest. */
type Time = (sum: number, largest: number) => number;

/**
 * Places the workgroups of a grid on compute units. `costs` are those of all, or of one of each of as many equal ranges.
 * The scheduler gives XCDs their workgroups in turn; in an XCD the next one goes where there is the least work.
 */
export function placeWorkgroups(
  costs: readonly WorkgroupCost[],
  {
    computeUnits,
    xcds,
    workgroups,
    wavesPerWorkgroup,
    residents,
  }: Record<"computeUnits" | "xcds" | "workgroups" | "wavesPerWorkgroup" | "residents", number>,
): Placement {
  const overSimds: Time = (sum, largest) =>
    Math.max(sum / SIMDS, largest / Math.min(SIMDS, wavesPerWorkgroup));
  const together: Time = (sum) => sum;
  const sideBySide: Time = (sum, largest) => Math.max(sum / residents, largest);
  const times: Readonly<Record<Unit, Time>> = {
    matrix: overSimds,
    vector: overSimds,
    transcendental: overSimds,
    lds: together,
    l1: together,
    issue: sideBySide,
    latency: sideBySide,
  };
  const units = Object.entries(times) as [Unit, Time][];
  const perXcd = Math.ceil(computeUnits / xcds);
  const load = new Float64Array(xcds * perXcd);
  const sums = units.map(() => new Float64Array(load.length));
  const largest = units.map(() => new Float64Array(load.length));
  const l2Bytes = new Float64Array(xcds);

  let next = 0;
  for (const [index, cost] of costs.entries()) {
    const work = Math.max(...units.map(([unit, time]) => time(cost[unit], 0)));
    for (const end = Math.floor(((index + 1) * workgroups) / costs.length); next < end; next++) {
      const xcd = next % xcds;
      const at = leastLoaded(load, xcd * perXcd, Math.min(perXcd, computeUnits - xcd * perXcd));
      load[at]! += work;
      l2Bytes[xcd]! += cost.l2Bytes;
      for (const [unit, [name]] of units.entries()) {
        sums[unit]![at]! += cost[name];
        if (cost[name] > largest[unit]![at]!) largest[unit]![at] = cost[name];
      }
    }
  }

  const busiest = units.map(([name, time], unit) => [
    name,
    sums[unit]!.reduce((most, sum, at) => Math.max(most, time(sum, largest[unit]![at]!)), 0),
  ]);
  const least = BUSY_SHARE * load.reduce((most, one) => Math.max(most, one), 0);
  const busy = [...load.keys()].filter((at) => load[at]! > 0 && load[at]! >= least);
  return {
    busiest: Object.fromEntries(busiest),
    busiestL2Bytes: Math.max(...l2Bytes),
    busyXcds: new Set(busy.map((at) => Math.floor(at / perXcd))).size,
    busyComputeUnits: busy.length,
  };
}

function leastLoaded(load: Float64Array, first: number, count: number): number {
  let least = first;
  for (let at = first + 1; at < first + count; at++) if (load[at]! < load[least]!) least = at;
  return least;
}
