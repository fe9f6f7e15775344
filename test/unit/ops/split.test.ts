import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mostSegments, planSplit, type SplitInput } from "../../../lib/ops/split.js";

const input: fc.Arbitrary<SplitInput> = fc.record({
  numSequences: fc.integer({ min: 1, max: 300 }),
  numKvHeads: fc.integer({ min: 1, max: 16 }),
  tilesPerSequence: fc.integer({ min: 1, max: 4 }),
  maxLen: fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 2 ** 20 })),
  computeUnits: fc.constantFrom(8, 80, 256, 304),
  busyWorkgroups: fc.constantFrom(1, 3),
  tileKeys: fc.constantFrom(16, 32, 64),
  batchInvariant: fc.boolean(),
});

describe("the split of decode sequences", () => {
  it("covers the longest sequence with whole tiles, and with no segment too many", () => {
    fc.assert(
      fc.property(input, (drawn) => {
        const { segmentTokens, maxSegments } = planSplit(drawn);
        expect(segmentTokens % drawn.tileKeys).toBe(0);
        expect(segmentTokens * maxSegments).toBeGreaterThanOrEqual(drawn.maxLen);
        expect(segmentTokens * (maxSegments - 1)).toBeLessThan(drawn.maxLen);
      }),
    );
  });

  it("never needs more scratch than was laid out for the batch's maxima", () => {
    fc.assert(
      fc.property(input, fc.nat(50), fc.nat(5000), (drawn, moreSequences, moreTokens) => {
        const { numSequences, maxLen, ...rest } = drawn;
        const most = mostSegments(rest, numSequences + moreSequences, maxLen + moreTokens);
        expect(numSequences * planSplit(drawn).maxSegments).toBeLessThanOrEqual(most);
      }),
    );
  });

  it("makes at most four workgroups for a compute unit, and none for few keys", () => {
    fc.assert(
      fc.property(input, (drawn) => {
        const { numSequences, numKvHeads, tilesPerSequence, computeUnits } = drawn;
        const { segmentTokens, maxSegments } = planSplit({ ...drawn, batchInvariant: false });
        if (maxSegments === 1) return;
        expect(numSequences * numKvHeads * tilesPerSequence * maxSegments).toBeLessThanOrEqual(
          4 * computeUnits,
        );
        expect(segmentTokens).toBeGreaterThanOrEqual(96);
      }),
    );
  });

  it("gives the busiest compute unit fewer keys than it has without a split", () => {
    fc.assert(
      fc.property(input, (drawn) => {
        const { numSequences, numKvHeads, tilesPerSequence, computeUnits, busyWorkgroups, maxLen } = drawn;
        const { segmentTokens, maxSegments } = planSplit({ ...drawn, batchInvariant: false });
        if (maxSegments === 1) return;
        const programs = numSequences * numKvHeads * tilesPerSequence;
        const busiest = (workgroups: number) =>
          Math.max(busyWorkgroups, Math.ceil(workgroups / computeUnits));
        expect(busiest(programs * maxSegments) * segmentTokens).toBeLessThan(busiest(programs) * maxLen);
      }),
    );
  });

  it("splits long sequences over all compute units", () => {
    const long = {
      busyWorkgroups: 1,
      numKvHeads: 8,
      tilesPerSequence: 1,
      maxLen: 2 ** 17,
      tileKeys: 32,
      batchInvariant: false,
    };
    const segments = (computeUnits: number, numSequences: number) =>
      planSplit({ ...long, computeUnits, numSequences }).maxSegments;
    expect([8, 80, 256, 304].map((computeUnits) => segments(computeUnits, 1))).toEqual([1, 10, 32, 38]);
    expect([1, 2, 16, 152, 153].map((numSequences) => segments(304, numSequences))).toEqual([
      38, 19, 7, 1, 1,
    ]);
  });

  it.each([8, 80, 256, 304])(
    "keeps every one of %i compute units busy for one sequence with one KV head",
    (computeUnits) => {
      const alone = {
        busyWorkgroups: 1,
        numSequences: 1,
        numKvHeads: 1,
        tilesPerSequence: 1,
        computeUnits,
        maxLen: 2 ** 15,
        batchInvariant: false,
      };
      const even = planSplit({ ...alone, tileKeys: 1 });
      expect(even).toEqual({ segmentTokens: Math.ceil(2 ** 15 / computeUnits), maxSegments: computeUnits });
      // In whole tiles the last compute units may be left over, but no unit waits for another's second segment.
      const tiled = planSplit({ ...alone, tileKeys: 32 });
      expect(tiled.maxSegments).toBeGreaterThan(computeUnits * 0.8);
      expect(tiled.maxSegments).toBeLessThanOrEqual(computeUnits);
    },
  );

  it("splits 64 sequences of 512 keys where single waves would wait for memory, and not where workgroups do not", () => {
    const step = {
      numSequences: 64,
      numKvHeads: 8,
      tilesPerSequence: 1,
      maxLen: 512,
      tileKeys: 32,
      computeUnits: 304,
      batchInvariant: false,
    };
    expect(planSplit({ ...step, busyWorkgroups: 3 })).toEqual({ segmentTokens: 256, maxSegments: 2 });
    expect(planSplit({ ...step, busyWorkgroups: 1 }).maxSegments).toBe(1);
  });

  it("depends on nothing but the sequence itself, with batchInvariant", () => {
    fc.assert(
      fc.property(input, input, (one, other) => {
        const segment = (drawn: SplitInput) => planSplit({ ...drawn, batchInvariant: true }).segmentTokens;
        expect(segment(one)).toBe(segment(other));
      }),
    );
  });
});
