import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type AllocationCounts,
  allocationLines,
  type LaunchCounts,
  modelLaunch,
  type WorkgroupCounts,
} from "../../../lib/catalog/performance-model.js";
import { coded } from "../../support/coded.js";

const device = { arch: "gfx942", computeUnits: 304, xcds: 8 };

const NOTHING: WorkgroupCounts = {
  ...{ matrixClocks: 0, vectorClocks: 0, transcendentalClocks: 0, ldsClocks: 0, issueClocks: 0 },
  ...{ lines: 0, linesRead: 0, linesWritten: 0, loadBytes: 0, loadLatencies: 0 },
};

interface Given {
  waves?: number;
  residents?: number;
  workgroups?: number;
  allocations?: AllocationCounts[];
}

/** A launch of workgroups of 4 waves that do nothing but what is given; `workgroups` where these are a sample. */
function launch(
  counts: readonly Partial<WorkgroupCounts>[],
  { waves = 4, residents = 2, workgroups = counts.length, allocations = [] }: Given = {},
): LaunchCounts {
  return {
    grid: [workgroups, 1, 1],
    waves: waves * workgroups,
    workgroupsPerComputeUnit: residents,
    workgroups: counts.map((some) => ({ ...NOTHING, ...some })),
    memory: { allocations },
  };
}

const all = (workgroups: number, counts: Partial<WorkgroupCounts>) =>
  Array.from({ length: workgroups }, () => counts);
const of = (counts: readonly Partial<WorkgroupCounts>[], given?: Given) =>
  modelLaunch(launch(counts, given), device);

describe("the model of a launch", () => {
  it("takes device memory at what can be achieved", () => {
    const linesRead = 4.3e9 / 128;
    const lines = { linesRead, linesReadShared: 0, linesWritten: 0, linesWrittenShared: 0 };
    const model = of(all(304, {}), { allocations: [{ bytes: 4.3e9, ...lines }] });
    expect(model).toMatchObject({ bound: "memory" });
    expect(model.microseconds.memory).toBeCloseTo(1000);
    expect([model.total, model.loadedTotal]).toEqual([3 + model.microseconds.memory, model.total]);
  });

  it("waits for the busiest compute unit, whose SIMDs share its waves", () => {
    // 1200 clocks of matrix work a wave: 1 us at 1.2 GHz.
    const matrix = (workgroups: number) => of(all(workgroups, { matrixClocks: 4800 })).microseconds.matrix;
    expect([matrix(1), matrix(304), matrix(305), matrix(609)].map((x) => x.toFixed(3))).toEqual([
      ...["1.000", "1.000", "2.000", "3.000"],
    ]);
    // A wave alone has one SIMD to itself.
    const alone = (workgroups: number) =>
      of(all(workgroups, { vectorClocks: 2100 }), { waves: 1 }).microseconds.vector;
    expect([alone(1), alone(4 * 304), alone(8 * 304)].map((x) => x.toFixed(3))).toEqual([
      ...["1.000", "1.000", "2.000"],
    ]);
  });

  it("adds what one unit of a compute unit does, and lets waves issue and wait side by side", () => {
    const counts = { ldsClocks: 2100, lines: 1050, issueClocks: 2100, loadLatencies: 10 };
    const { microseconds } = of(all(8 * 304, counts), { residents: 4 });
    expect(microseconds.lds).toBeCloseTo(8);
    expect(microseconds.l1).toBeCloseTo(8);
    expect(microseconds.issue).toBeCloseTo(2);
    expect(microseconds.latency).toBeCloseTo(2 * 8);
    expect(of([counts], { residents: 4 }).microseconds).toMatchObject({ issue: 1, latency: 8 });
  });

  it("shows what a loaded memory would cost beside it", () => {
    const { total, loadedTotal } = of([{ loadLatencies: 10, issueClocks: 2100 * 18 }]);
    expect([total, loadedTotal]).toEqual([3 + 18, 3 + 20]);
  });

  it("takes vector and transcendental units apart, and the longest of all", () => {
    const { microseconds, bound, total } = of([
      { vectorClocks: 4 * 2100, transcendentalClocks: 4 * 4200, matrixClocks: 4 * 1200, ldsClocks: 2100 },
    ]);
    const { vector, transcendental, lds } = microseconds;
    expect([vector, transcendental, lds, bound]).toEqual([1, 2, 1, "transcendental"]);
    expect(total).toBe(5);
  });

  it("gives an XCD's L2 cache what its workgroups read, each once", () => {
    // Every eighth workgroup goes to the same XCD: 2048 bytes a clock.
    const { microseconds } = of(
      Array.from({ length: 80 }, (_, number) => ({ linesRead: number % 8 === 3 ? 16 * 210 : 0 })),
    );
    expect(microseconds.l2).toBeCloseTo(1);
  });

  it("lets a compute unit that is done early take the next workgroup", () => {
    const units = { ...device, computeUnits: 2, xcds: 1 };
    const work = (...clocks: number[]) =>
      modelLaunch(launch(clocks.map((ldsClocks) => ({ ldsClocks }))), units).microseconds.lds;
    expect(work(6300, 2100, 2100, 2100)).toBeCloseTo(3);
    expect(work(2100, 2100, 2100, 6300)).toBeCloseTo(4);
  });

  it("says what is busy", () => {
    expect(of(all(20, { ldsClocks: 1 }))).toMatchObject({ busyXcds: 8, busyComputeUnits: 20 });
    expect(of(all(5, { ldsClocks: 1 }))).toMatchObject({ busyXcds: 5, busyComputeUnits: 5 });
    // Workgroups with next to nothing to do keep nothing busy.
    const few = [{ ldsClocks: 100 }, ...all(303, { ldsClocks: 9 })];
    expect(of(few)).toMatchObject({ busyXcds: 1, busyComputeUnits: 1 });
  });

  it("counts the bytes that a compute unit has on their way", () => {
    const counts = { loadBytes: 40 * 1024, loadLatencies: 10 };
    expect(of(all(304, counts), { residents: 4 }).bytesInFlight).toBe(4096);
    expect(of(all(1216, counts), { residents: 4 }).bytesInFlight).toBe(4 * 4096);
    expect(of(all(9999, counts), { residents: 4 }).bytesInFlight).toBe(4 * 4096);
  });

  it("takes each workgroup of a sample for its range of the grid", () => {
    const halves = [
      { ldsClocks: 100, linesRead: 7 },
      { ldsClocks: 1000, linesRead: 9 },
    ];
    const whole = [...all(700, halves[0]!), ...all(700, halves[1]!)];
    const { microseconds, ...rest } = of(whole);
    expect(of(halves, { workgroups: 1400 })).toEqual({ microseconds, ...rest });
  });

  it("is never less for more work, nor for fewer compute units", () => {
    const clocks = fc.array(fc.nat(10_000), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(clocks, fc.constantFrom("ldsClocks", "vectorClocks", "issueClocks"), (amounts, unit) => {
        const counts = amounts.map((amount) => ({ [unit]: amount }));
        const total = (computeUnits: number, factor = 1) =>
          modelLaunch(launch(counts.map((one) => ({ [unit]: one[unit]! * factor }))), {
            ...device,
            ...{ computeUnits, xcds: 1 },
          }).total;
        expect(total(4, 2)).toBeGreaterThanOrEqual(total(4));
        expect(total(1)).toBeGreaterThanOrEqual(total(60) - 1e-9);
      }),
    );
  });

  it("knows no other targets, and needs full counters", () => {
    const some = launch([{}]);
    const { workgroups, ...basic } = some;
    expect(workgroups).toBeDefined();
    expect(() => modelLaunch(some, { ...device, arch: "gfx1100" })).toThrow(
      coded("ERR_INVALID_ARGUMENT", "gfx1100"),
    );
    expect(() => modelLaunch(basic, device)).toThrow(coded("ERR_INVALID_ARGUMENT", "full counters"));
  });
});

describe("the lines of an allocation", () => {
  const counts = { bytes: 128 * 1000, linesWritten: 0, linesWrittenShared: 0 };

  it("are those of the workgroups left out too, where workgroups share none", () => {
    expect(allocationLines({ ...counts, linesRead: 50, linesReadShared: 0 }, 4).read).toBe(200);
    expect(allocationLines({ ...counts, linesRead: 50, linesReadShared: 40 }, 4).read).toBe(80);
    expect(
      allocationLines(
        { ...counts, linesWritten: 9, linesWrittenShared: 9, linesRead: 0, linesReadShared: 0 },
        4,
      ),
    ).toEqual({ read: 0, written: 9 });
  });

  it("are no more than it has, and never fewer than were counted", () => {
    expect(allocationLines({ ...counts, linesRead: 600, linesReadShared: 0 }, 4).read).toBe(1000);
    expect(allocationLines({ ...counts, linesRead: 600, linesReadShared: 10 }, 1).read).toBe(600);
  });
});
