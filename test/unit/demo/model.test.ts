import { describe, expect, it } from "vitest";
import { generate } from "../../../lib/cli/demo/generate.js";
import type { GroupedAttention } from "../../../lib/cli/demo/grouped-attention.js";
import { LanguageModel } from "../../../lib/cli/demo/model.js";
import { Scheduler } from "../../../lib/cli/demo/scheduler.js";
import { austen, greedySequences, NO_MEMORY, textOf } from "../../support/austen.js";
import { CpuAttention } from "../../support/cpu-attention.js";

const model = LanguageModel.load(austen.model);
const part = model.attention as GroupedAttention;

describe("the model with attention on the CPU", () => {
  it("gives the reference's logits", async () => {
    const attention = new CpuAttention(part);
    const scheduler = new Scheduler(
      greedySequences(1).slice(0, 1),
      { maxSequences: 1, maxTokens: 64 },
      NO_MEMORY,
    );
    const [row] = scheduler.next();
    const tokens = Uint8Array.from(row!.sequence.bytes);
    await attention.begin([row!]);
    const step = { tokens, positions: Int32Array.from(tokens.keys()), logitsAt: [tokens.length - 1] };
    const [logits] = await model.forward(step, attention.attend);
    const errors = austen.reference.logits_last.map((logit, i) => Math.abs(logit - logits![i]!));
    // Queries, keys, values and outputs are rounded to bfloat16 here and not in the reference.
    expect(Math.max(...errors)).toBeLessThan(0.1);
  });

  it("writes the reference's greedy text, whatever the batches", async () => {
    const written = async (limits: { maxSequences: number; maxTokens: number }) => {
      const sequences = greedySequences(24);
      const attention = new CpuAttention(part);
      await generate(model, attention, new Scheduler(sequences, limits, NO_MEMORY));
      sequences.forEach((sequence, i) => {
        const { prompt, text } = austen.reference.greedy[i]!;
        expect(textOf(sequence)).toBe(text.slice(0, prompt.length + 24));
      });
      return attention.batches;
    };
    const together = await written({ maxSequences: 4, maxTokens: 16 });
    expect(together.some((rows) => rows.includes(1) && rows.some((length) => length > 1))).toBe(true);
    const oneByOne = await written({ maxSequences: 1, maxTokens: 64 });
    expect(oneByOne.every((rows) => rows.length === 1)).toBe(true);
  });
});
