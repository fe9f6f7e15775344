import fc from "fast-check";
import { expect, it } from "vitest";
import type { BatchLimits, StepView } from "../../../lib/batch/step.js";
import {
  type GatherGroup,
  type GatherRule,
  gatherLimits,
  planLongSequences,
} from "../../../lib/ops/gather-groups.js";

const DECODE_TOKENS = 8;

const drawn = fc.record({
  lengths: fc.array(fc.tuple(fc.oneof(fc.constant(0), fc.nat(300)), fc.oneof(fc.nat(9), fc.nat(60))), {
    maxLength: 12,
  }),
  slidingWindow: fc.option(fc.integer({ min: 1, max: 90 })),
  maxKeys: fc.integer({ min: 40, max: 200 }),
  hasChunks: fc.boolean(),
});

/** A step of sequences [context, query tokens]. */
function stepOf(lengths: readonly (readonly [number, number])[]): StepView {
  const queryStartLoc = [0];
  for (const [, query] of lengths) queryStartLoc.push(queryStartLoc.at(-1)! + query);
  const seqLens = Int32Array.from(lengths, ([context, query]) => context + query);
  const shape = { sequences: lengths.length };
  return { shape, queryStartLoc: Int32Array.from(queryStartLoc), seqLens } as unknown as StepView;
}

it("gathers, of each long sequence, the keys that its queries see, and none else", () => {
  fc.assert(
    fc.property(drawn, ({ lengths, ...options }) => {
      const rule: GatherRule = { ...options, decodeTokens: DECODE_TOKENS, mostKeys: 1000 };
      const step = stepOf(lengths);
      const plan = planLongSequences(step, rule);
      const isPrefill = (s: number) => lengths[s]![0] === 0 && lengths[s]![1] > DECODE_TOKENS;
      const isExtend = (s: number) => lengths[s]![0] > 0 && lengths[s]![1] > DECODE_TOKENS;
      expect(plan.longestExtend).toBe(
        Math.max(0, ...lengths.map(([, tokens], s) => (isExtend(s) ? tokens : 0))),
      );
      for (const [groups, takes] of [
        [plan.prefills, isPrefill],
        [plan.extends, isExtend],
      ] as const) {
        const gathered = lengths.map(() => [] as number[]);
        for (const group of groups) {
          expect(group.keys <= rule.maxKeys || (!rule.hasChunks && group.sequences === 1)).toBe(true);
          checkGroup(group, plan.lists, gathered, step);
        }
        for (const [s, [context, query]] of lengths.entries()) {
          const end = takes(s) ? context + query : 0;
          // The first query sees the position `context` and, with it, slidingWindow in all.
          const first = rule.slidingWindow === null ? 0 : Math.max(0, context - rule.slidingWindow + 1);
          const seen = Array.from({ length: Math.max(0, end - first) }, (_, key) => first + key);
          expect(gathered[s]).toEqual(seen);
        }
      }
    }),
    { numRuns: 1000 },
  );
});

/** Checks a group against its lists and adds the positions that it gathers to those of each sequence. */
function checkGroup(
  group: GatherGroup,
  lists: readonly number[],
  gathered: number[][],
  step: StepView,
): void {
  const { first, sequences, listsAt, chunk } = group;
  const [tokens, starts, keys, rowStarts] = [0, 1, 2, 3].map((list) =>
    lists.slice(listsAt + list * sequences),
  );
  let row = 0;
  for (let index = 0; index < sequences; index++) {
    const s = first + index;
    expect(rowStarts![index]).toBe(row);
    row += keys![index]!;
    const ofSequence = step.queryStartLoc[s + 1]! - step.queryStartLoc[s]!;
    if (tokens![index] !== 0) expect(tokens![index]).toBe(ofSequence);
    else expect(keys![index]).toBe(0);
    if (chunk !== null) {
      expect(chunk).toEqual({
        tokens: ofSequence,
        firstToken: step.queryStartLoc[s],
        isFirst: gathered[s]!.length === 0,
        keysBehind: step.seqLens[s]! - starts![0]! - keys![0]!,
      });
      expect(sequences).toBe(1);
    }
    for (let key = 0; key < keys![index]!; key++) gathered[s]!.push(starts![index]! + key);
  }
  expect(rowStarts![sequences]).toBe(row);
  expect(group.keys).toBe(row);
}

it("has limits that no step within a batch's exceeds, and a batch's largest step reaches", () => {
  fc.assert(
    fc.property(drawn, ({ lengths, ...options }) => {
      const rule: GatherRule = { ...options, decodeTokens: DECODE_TOKENS, mostKeys: 1000 };
      const plan = planLongSequences(stepOf(lengths), rule);
      const most = (sizes: readonly number[]) => Math.max(1, ...sizes);
      const limits = {
        maxSequences: lengths.length,
        maxBlocksPerSequence: most(lengths.map(([context, query]) => context + query)),
        maxQueryLen: most(lengths.map(([, query]) => query)),
        blockSize: 1,
      } as Required<BatchLimits>;
      const { keys, hasChunks, listEntries } = gatherLimits(limits, rule);
      const groups = [...plan.prefills, ...plan.extends];
      expect(Math.max(0, ...groups.map((group) => group.keys))).toBeLessThanOrEqual(keys);
      expect(plan.lists.length).toBeLessThanOrEqual(listEntries);
      if (groups.some(({ chunk }) => chunk !== null)) expect(hasChunks).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

it("chunks a sequence alike, whatever stands beside it", () => {
  const rule = { decodeTokens: 8, slidingWindow: null, maxKeys: 50, hasChunks: true, mostKeys: 1000 };
  const chunksOf = (lengths: [number, number][], s: number) => {
    const { extends: groups, lists } = planLongSequences(stepOf(lengths), rule);
    return groups
      .filter(({ first, chunk }) => chunk !== null && first === s)
      .map(({ keys, listsAt, chunk }) => [lists[listsAt + 1], keys, chunk!.keysBehind]);
  };
  const alone = chunksOf([[110, 9]], 0);
  expect(alone).toEqual([
    [0, 50, 69],
    [50, 50, 19],
    [100, 19, 0],
  ]);
  expect(
    chunksOf(
      [
        [10, 9],
        [40, 20],
        [110, 9],
        [5, 9],
      ],
      2,
    ),
  ).toEqual(alone);
});
