import { describe, expect, it } from "vitest";
import { modelLaunch } from "../../../lib/catalog/performance-model.js";
import { INSTRUCTION_CLASSES, type LaunchCounters } from "../../../lib/device/emulator.js";
import { coded } from "../../support/coded.js";

const device = { arch: "gfx942", computeUnits: 304 };

/** A launch of `workgroups` workgroups of 4 waves that does nothing but what is given. */
function launch(workgroups: number, clocks: object, memory: object): LaunchCounters {
  const none = { bytesRead: 0, bytesWritten: 0, lines: 0, scalarBytesRead: 0, scratchBytes: 0 };
  return {
    kernel: "some",
    grid: [workgroups, 1, 1],
    block: [256, 1, 1],
    waves: 4 * workgroups,
    vectorRegisters: 128,
    ldsBytes: 0,
    wavesPerSimd: 4,
    instructions: Object.fromEntries(
      INSTRUCTION_CLASSES.map((name) => [name, 0]),
    ) as LaunchCounters["instructions"],
    clocks: { matrix: 0, vector: 0, transcendental: 0, ...clocks },
    memory: {
      ...{ ...none, ldsBytes: 0, ldsClocks: 0, ldsConflictClocks: 0, linesRead: 0, linesWritten: 0 },
      linesByXcd: [],
      writtenChecksum: "",
      ...memory,
    },
  };
}

describe("the model of a launch", () => {
  it("takes device memory at what can be achieved", () => {
    // 4.3 GB at 4.3 TB/s.
    const lines = 4.3e9 / 128;
    const model = modelLaunch(launch(304, {}, { linesRead: lines, lines }), device);
    expect(model).toMatchObject({ bound: "memory" });
    expect(model.microseconds.memory).toBeCloseTo(1000);
    expect(model.total).toBeCloseTo(1003);
  });

  it("waits for the busiest SIMD", () => {
    // 1200 clocks of matrix work per wave, one wave on each SIMD: 1 us at 1.2 GHz.
    const busy = (workgroups: number) =>
      modelLaunch(launch(workgroups, { matrix: 1200 * 4 * workgroups }, {}), device).microseconds.matrix;
    expect(busy(1)).toBeCloseTo(1);
    expect(busy(304)).toBeCloseTo(1);
    expect(busy(305)).toBeCloseTo(2);
  });

  it("adds vector and transcendental clocks, and takes the longest unit", () => {
    const { microseconds, bound, total } = modelLaunch(
      launch(1, { vector: 4 * 2100, transcendental: 4 * 4200, matrix: 4 * 1200 }, { ldsClocks: 2100 }),
      device,
    );
    expect(microseconds.vector).toBeCloseTo(3);
    expect(microseconds.lds).toBeCloseTo(1);
    expect([bound, total]).toEqual(["vector", 3 + microseconds.vector]);
  });

  it("knows no other targets, and needs full counters", () => {
    const some = launch(1, {}, {});
    const { memory, ...basic } = some;
    expect(memory).toBeDefined();
    expect(() => modelLaunch(some, { arch: "gfx1100", computeUnits: 96 })).toThrow(
      coded("ERR_INVALID_ARGUMENT", "gfx1100"),
    );
    expect(() => modelLaunch(basic, device)).toThrow(coded("ERR_INVALID_ARGUMENT", "full counters"));
  });
});
