import fc from "fast-check";
import { expect, it } from "vitest";
import { createSequence, type Row, Scheduler, type Sequence } from "../../../lib/cli/demo/scheduler.js";
import { NO_MEMORY } from "../../support/austen.js";

const prompt = fc.record({
  prompt: fc.integer({ min: 1, max: 60 }),
  tokens: fc.integer({ min: 1, max: 20 }),
});

it("completes every sequence within its limits, each byte once and in order", () => {
  fc.assert(
    fc.property(
      fc.array(prompt, { maxLength: 8 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 0, max: 30 }),
      (prompts, maxSequences, spare) => {
        const maxTokens = maxSequences + spare;
        const sequences = prompts.map(({ prompt, tokens }, id) =>
          createSequence(id, new Uint8Array(prompt), tokens, () => 0),
        );
        const scheduler = new Scheduler(sequences, { maxSequences, maxTokens }, NO_MEMORY);
        const complete: Sequence[] = [];
        for (let rows = scheduler.next(); rows.length > 0; rows = scheduler.next()) {
          expect(rows.length).toBeLessThanOrEqual(maxSequences);
          expect(rows.reduce((sum, row) => sum + row.queryLength, 0)).toBeLessThanOrEqual(maxTokens);
          for (const row of rows) expectConsistent(row);
          const waiting = rows.filter((row) => row.completes).map(({ sequence }) => [sequence, 7] as const);
          complete.push(...scheduler.advance(rows, new Map(waiting)));
        }
        expect(new Set(complete)).toEqual(new Set(sequences));
        for (const [i, { prompt, tokens }] of prompts.entries()) {
          expect(sequences[i]!.bytes).toEqual([...Array(prompt).fill(0), ...Array(tokens).fill(7)]);
        }
      },
    ),
    { numRuns: 200 },
  );
});

const sequence = (id: number, prompt: number) => createSequence(id, new Uint8Array(prompt), 10, () => 0);

function expectConsistent({ sequence, queryLength, completes }: Row) {
  const end = sequence.cached + queryLength;
  expect(queryLength).toBeGreaterThan(0);
  expect(end).toBeLessThanOrEqual(sequence.bytes.length);
  expect(completes).toBe(end === sequence.bytes.length);
}

it("decodes running sequences while it reads another's long prompt in chunks", () => {
  const scheduler = new Scheduler(
    [sequence(0, 3), sequence(1, 40)],
    { maxSequences: 2, maxTokens: 16 },
    NO_MEMORY,
  );
  const batches: number[][] = [];
  for (let step = 0; step < 4; step++) {
    const rows = scheduler.next();
    batches.push(rows.map((row) => row.queryLength));
    scheduler.advance(rows, new Map(rows.filter((row) => row.completes).map((row) => [row.sequence, 0])));
  }
  expect(batches).toEqual([
    [3, 13],
    [1, 15],
    [1, 12],
    [1, 1],
  ]);
});

it("takes a sequence in when the memory of prompts says so, with what is known of it", () => {
  const [first, second] = [sequence(0, 40), sequence(1, 40)];
  const asked: number[][] = [];
  const scheduler = new Scheduler(
    [first, second],
    { maxSequences: 2, maxTokens: 64 },
    {
      admit(next, running) {
        asked.push([next.id, ...running.map(({ id }) => id)]);
        if (next === second && first.cached < 32) return false;
        next.cached = next === second ? 32 : 0;
        return true;
      },
    },
  );
  const lengths = (rows: readonly Row[]) => rows.map((row) => [row.sequence.id, row.queryLength]);
  const rows = scheduler.next();
  expect(lengths(rows)).toEqual([[0, 40]]);
  scheduler.advance(rows, new Map([[first, 7]]));
  expect(lengths(scheduler.next())).toEqual([
    [0, 1],
    [1, 8],
  ]);
  expect(asked).toEqual([[0], [1, 0], [1, 0]]);
});
