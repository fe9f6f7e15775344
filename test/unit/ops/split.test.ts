import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mostSegments, planSplit, type SplitInput } from "../../../lib/ops/split.js";

const input: fc.Arbitrary<SplitInput> = fc.record({
  numSequences: fc.integer({ min: 1, max: 300 }),
  numKvHeads: fc.integer({ min: 1, max: 16 }),
  tilesPerSequence: fc.integer({ min: 1, max: 4 }),
  maxLen: fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 2 ** 20 })),
  computeUnits: fc.constantFrom(8, 80, 256, 304),
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
        const { numSequences, numKvHeads, tilesPerSequence, computeUnits, maxLen } = drawn;
        const { segmentTokens, maxSegments } = planSplit({ ...drawn, batchInvariant: false });
        if (maxSegments === 1) return;
        const programs = numSequences * numKvHeads * tilesPerSequence;
        expect(Math.ceil((programs * maxSegments) / computeUnits) * segmentTokens).toBeLessThan(
          Math.ceil(programs / computeUnits) * maxLen,
        );
      }),
    );
  });

  it("splits long sequences over all compute units", () => {
    const long = { numKvHeads: 8, tilesPerSequence: 1, maxLen: 2 ** 17, tileKeys: 32, batchInvariant: false };
    const segments = (computeUnits: number, numSequences: number) =>
      planSplit({ ...long, computeUnits, numSequences }).maxSegments;
    expect([8, 80, 256, 304].map((computeUnits) => segments(computeUnits, 1))).toEqual([1, 10, 32, 38]);
    expect([1, 2, 16, 152, 153].map((numSequences) => segments(304, numSequences))).toEqual([
      38, 19, 7, 1, 1,
    ]);
    const even = { ...long, numKvHeads: 1, maxLen: 2 ** 15, tileKeys: 1, numSequences: 1 };
    expect(planSplit({ ...even, computeUnits: 304 })).toEqual({ segmentTokens: 108, maxSegments: 304 });
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
