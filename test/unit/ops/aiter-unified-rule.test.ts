import fc from "fast-check";
import { expect, it } from "vitest";
import { mostSplitTokens, unifiedRule } from "../../../lib/ops/aiter-unified-rule.js";

const MI300X = { computeUnits: 304, numKvHeads: 8, queriesPerKv: 4, hasWindow: false };

// Worked out by hand from AITER's host code, with tiles of more than 16 keys.
it.each([
  [{ sequences: 1, tokens: 1, maxQueryLen: 1, maxSeqLen: 512 }, { rows: 16 }],
  [{ sequences: 1, tokens: 1, maxQueryLen: 1, maxSeqLen: 513 }, { segments: 128 }], // 1216 / 8 = 152
  [{ sequences: 16, tokens: 16, maxQueryLen: 1, maxSeqLen: 4096 }, { segments: 8 }], // 1216 / 160 = 7.6
  [{ sequences: 8, tokens: 8, maxQueryLen: 1, maxSeqLen: 4096 }, { segments: 16 }], // 1216 / 80 = 15.2
  [{ sequences: 8, tokens: 8, maxQueryLen: 1, maxSeqLen: 4096, hasWindow: true }, { rows: 16 }],
  [{ sequences: 122, tokens: 122, maxQueryLen: 1, maxSeqLen: 4096 }, { segments: 8 }], // 152 * 8 = 1216
  [{ sequences: 124, tokens: 124, maxQueryLen: 1, maxSeqLen: 4096 }, { rows: 16 }], // 155 * 8 > 1216
  [{ sequences: 1, tokens: 255, maxQueryLen: 255, maxSeqLen: 255 }, { rows: 16 }],
  [{ sequences: 1, tokens: 256, maxQueryLen: 256, maxSeqLen: 256 }, { rows: 128 }],
  [{ sequences: 4, tokens: 4, maxQueryLen: 1, maxSeqLen: 99, queriesPerKv: 20 }, { rows: 32 }],
])("AITER launches %j as %j", (step, rule) => {
  expect(unifiedRule({ ...MI300X, ...step })).toEqual(rule);
});

it("no step is split into more than the workspace was laid out for", () => {
  const drawn = fc.record({
    sequences: fc.integer({ min: 1, max: 300 }),
    more: fc.nat(3000),
    maxSeqLen: fc.integer({ min: 1, max: 2 ** 20 }),
    numKvHeads: fc.integer({ min: 1, max: 16 }),
    queriesPerKv: fc.integer({ min: 1, max: 16 }),
    computeUnits: fc.constantFrom(8, 80, 256, 304),
    room: fc.nat(100),
  });
  fc.assert(
    fc.property(drawn, ({ sequences, more, room, ...sizes }) => {
      const tokens = sequences + more;
      const rule = unifiedRule({ ...sizes, sequences, tokens, maxQueryLen: 1 + more, hasWindow: false });
      if (!("segments" in rule)) return;
      expect(mostSplitTokens(tokens + room, sizes)).toBeGreaterThanOrEqual(tokens * rule.segments);
    }),
    { numRuns: 2000 },
  );
});
