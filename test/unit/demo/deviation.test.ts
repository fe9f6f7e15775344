import { expect, it } from "vitest";
import { DeviationProbe } from "../../../lib/cli/demo/deviation.js";
import { generate } from "../../../lib/cli/demo/generate.js";
import type { GroupedAttention } from "../../../lib/cli/demo/grouped-attention.js";
import { LanguageModel } from "../../../lib/cli/demo/model.js";
import { Scheduler } from "../../../lib/cli/demo/scheduler.js";
import { fromBfloat16, toBfloat16 } from "../../../lib/dtype.js";
import { austen, greedySequences, NO_MEMORY } from "../../support/austen.js";
import { CpuAttention } from "../../support/cpu-attention.js";

const model = LanguageModel.load(austen.model);
const part = model.attention as GroupedAttention;

/** Generates with exact attention whose output `spoil` may change, and returns what the probe found. */
async function deviationWith(spoil: (output: Uint16Array) => Uint16Array) {
  const attention = new CpuAttention(part);
  const probe = new DeviationProbe(part);
  let rows: Parameters<typeof attention.begin>[0] = [];
  await generate(
    model,
    {
      begin: async (step) => {
        rows = step;
        await attention.begin(step);
      },
      attend: async (layer, inputs) => {
        const output = spoil(await attention.attend(layer, inputs));
        probe.observe(rows, layer, inputs, output);
        return output;
      },
      end: () => {},
      release: (sequence) => probe.release(sequence),
    },
    new Scheduler(greedySequences(20), { maxSequences: 3, maxTokens: 16 }, NO_MEMORY),
  );
  return probe.result;
}

it("finds no more than the rounding of the output in exact attention", async () => {
  const { largest, rows, calls } = await deviationWith((output) => output);
  expect(largest).toBeGreaterThan(0);
  expect(largest).toBeLessThan(2 ** -8);
  expect(calls).toBeGreaterThan(5);
  expect(rows).toBe(calls * part.numHeads);
});

it("finds a deviation of one percent", async () => {
  const { largest } = await deviationWith((output) =>
    output.map((bits) => toBfloat16(fromBfloat16(bits) * 1.01)),
  );
  expect(largest).toBeGreaterThan(0.008);
  expect(largest).toBeLessThan(0.014);
});
