import { afterAll, beforeAll, expect, it } from "vitest";
import { DeviceAttention } from "../../../lib/cli/demo/device-attention.js";
import { generate } from "../../../lib/cli/demo/generate.js";
import { LanguageModel } from "../../../lib/cli/demo/model.js";
import { Scheduler } from "../../../lib/cli/demo/scheduler.js";
import type { Device } from "../../../lib/index.js";
import { austen, austenMla, greedySequences, textOf } from "../../support/austen.js";
import { BACKENDS } from "../../support/backends.js";
import { openTestDevice } from "../../support/device.js";
import { MLA_BACKENDS, noMlaKernels } from "../../support/mla-case.js";
import { testsAll } from "../../support/tests-all.js";

let device: Device;
beforeAll(() => {
  device = openTestDevice();
});
afterAll(() => device.close());

const runs = [
  ...BACKENDS.map(({ backend }) => ({ backend, of: austen })),
  ...MLA_BACKENDS.map((backend) => ({ backend, of: austenMla })),
].flatMap((run) => [
  { ...run, graphs: true },
  ...(testsAll || run.backend === "TRITON_ATTN" ? [{ ...run, graphs: false }] : []),
]);

for (const { backend, of, graphs } of runs)
  it.skipIf(noMlaKernels(backend))(
    `${backend} writes the reference's greedy text, 200 bytes of all four prompts, as ragged batches, with graphs: ${graphs}`,
    async () => {
      const model = LanguageModel.load(of.model);
      const sequences = greedySequences(200, of);
      const limits = { maxSequences: 4, maxTokens: 32, maxLength: 300 };
      const attention = await DeviceAttention.create(device, model.attention, limits, { backend, graphs });
      const batches: string[] = [];
      const { begin } = attention;
      attention.begin = (rows) => {
        batches.push(rows.map(({ queryLength }) => (queryLength === 1 ? "decode" : "prefill")).join());
        return begin.call(attention, rows);
      };
      await generate(model, attention, new Scheduler(sequences, limits, attention));
      expect(sequences.map(textOf)).toEqual(of.reference.greedy.map(({ text }) => text));
      expect(batches).toContain("decode,decode,decode,decode");
      expect(batches.some((rows) => rows.includes("decode") && rows.includes("prefill"))).toBe(true);
      const { calls, largest, bound } = attention.probe.result;
      expect(calls).toBeGreaterThan(25);
      expect(largest).toBeLessThan(bound);
      expect(largest).toBeGreaterThan(0);
    },
    300_000,
  );
