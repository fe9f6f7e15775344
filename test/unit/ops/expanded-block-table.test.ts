import fc from "fast-check";
import { expect, it } from "vitest";
import type { DerivedSource } from "../../../lib/batch/batch.js";
import type { StepView } from "../../../lib/batch/step.js";
import { deriveBlockTable } from "../../../lib/ops/expanded-block-table.js";

const drawn = fc.record({
  ratio: fc.integer({ min: 2, max: 5 }),
  maxBlocksPerSequence: fc.integer({ min: 1, max: 6 }),
  rows: fc.array(fc.nat(96), { minLength: 1, maxLength: 5 }),
});

it("leads every token of every sequence to the place that the block table leads to", () => {
  fc.assert(
    fc.property(drawn, ({ ratio, maxBlocksPerSequence, rows }) => {
      const blockSize = 16 * ratio;
      const seqLens = Int32Array.from(rows, (length) => Math.min(length, maxBlocksPerSequence * blockSize));
      const blockTable = Int32Array.from({ length: rows.length * maxBlocksPerSequence }, (_, i) => 7 * i + 3);
      const limits = {
        maxSequences: 6,
        maxTokens: 9,
        maxKeyTokens: 0,
        maxQueryLen: 9,
        maxBlocksPerSequence,
        blockSize,
      };
      let source: DerivedSource | undefined;
      const table = deriveBlockTable(limits, 16, (given) => {
        source = given;
        return { pointer: 0n, dispose: () => {} };
      });
      const into = new Uint8Array(source!.bytes);
      const step = { shape: { sequences: rows.length }, seqLens, blockTable } as unknown as StepView;
      const filled = source!.fill!(step, into);
      const expanded = new Int32Array(into.buffer, 0, filled / 4);
      for (const [s, length] of seqLens.entries()) {
        for (let token = 0; token < length; token++) {
          const block = blockTable[s * maxBlocksPerSequence + Math.floor(token / blockSize)]!;
          const small = expanded[s * table.stride + Math.floor(token / 16)]!;
          expect(16 * small + (token % 16)).toBe(blockSize * block + (token % blockSize));
        }
      }
    }),
  );
});
