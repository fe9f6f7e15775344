import fc from "fast-check";
import { expect, it } from "vitest";
import type { StepView } from "../../../lib/batch/step.js";
import { planGather } from "../../../lib/ops/gather-groups.js";

const drawn = fc.record({
  lengths: fc.array(fc.tuple(fc.nat(60), fc.oneof(fc.constantFrom(0, 1, 8, 9), fc.nat(30))), {
    maxLength: 12,
  }),
  slidingWindow: fc.option(fc.integer({ min: 1, max: 40 })),
  maxRows: fc.integer({ min: 90, max: 200 }),
});

/** A step of sequences [context, query tokens]. */
function stepOf(lengths: readonly (readonly [number, number])[]): StepView {
  const queryStartLoc = [0];
  for (const [, query] of lengths) queryStartLoc.push(queryStartLoc.at(-1)! + query);
  const seqLens = Int32Array.from(lengths, ([context, query]) => context + query);
  const shape = { sequences: lengths.length };
  return { shape, queryStartLoc: Int32Array.from(queryStartLoc), seqLens } as unknown as StepView;
}

it("gathers, of each sequence that takes part, the keys that its queries see, and none else", () => {
  fc.assert(
    fc.property(drawn, ({ lengths, slidingWindow, maxRows }) => {
      const takes = (query: number, length: number) => query > 8 && query < length;
      const plan = planGather(stepOf(lengths), { takes, slidingWindow, maxRows });
      const covered = new Set<number>();
      for (const { first, sequences, rows, startsAt } of plan.groups) {
        expect(rows).toBeLessThanOrEqual(maxRows);
        let row = 0;
        for (let s = first; s < first + sequences; s++) {
          expect(plan.rowStarts[startsAt + s - first]).toBe(row);
          row += plan.keyLens[s]!;
          expect(covered.has(s)).toBe(false);
          covered.add(s);
        }
        expect(plan.rowStarts[startsAt + sequences]).toBe(row);
        expect(rows).toBe(row);
      }
      for (const [s, [context, query]] of lengths.entries()) {
        const isTaken = takes(query, context + query);
        expect(plan.queryLens[s]).toBe(isTaken ? query : 0);
        if (!isTaken) expect(plan.keyLens[s]).toBe(0);
        if (!isTaken) continue;
        expect(covered.has(s)).toBe(true);
        // The first query sees the position `context` and, with it, slidingWindow in all.
        expect(plan.starts[s]).toBe(slidingWindow === null ? 0 : Math.max(0, context - slidingWindow + 1));
        expect(plan.starts[s]! + plan.keyLens[s]!).toBe(context + query);
      }
    }),
    { numRuns: 1000 },
  );
});

it("gives a sequence that no group can hold a group of its own, to be refused", () => {
  const rule = { takes: () => true, slidingWindow: null, maxRows: 50 };
  const { groups } = planGather(
    stepOf([
      [10, 9],
      [60, 9],
      [5, 9],
    ]),
    rule,
  );
  expect(groups.map(({ first, sequences, rows }) => [first, sequences, rows])).toEqual([
    [0, 1, 19],
    [1, 1, 69],
    [2, 1, 14],
  ]);
});
