import { afterAll, beforeAll, expect, it } from "vitest";
import { DeviceAttention } from "../../../lib/cli/demo/device-attention.js";
import { generate } from "../../../lib/cli/demo/generate.js";
import { LanguageModel } from "../../../lib/cli/demo/model.js";
import { Scheduler } from "../../../lib/cli/demo/scheduler.js";
import { DEVIATION_BOUND } from "../../../lib/cli/reference.js";
import type { Device } from "../../../lib/index.js";
import { austen, greedySequences, textOf } from "../../support/austen.js";
import { BACKENDS } from "../../support/backends.js";
import { openTestDevice } from "../../support/device.js";

let device: Device;
beforeAll(() => {
  device = openTestDevice();
});
afterAll(() => device.close());

const title = "$backend writes the reference's greedy text, 200 bytes of all four prompts, as ragged batches";
it.each(BACKENDS)(title, async ({ backend }) => {
  const model = LanguageModel.load(austen.model);
  const sequences = greedySequences(200);
  const limits = { maxSequences: 4, maxTokens: 32, maxLength: 300 };
  const attention = new DeviceAttention(device, model.config, limits, backend);
  const batches: string[] = [];
  const { begin } = attention;
  attention.begin = (rows) => {
    batches.push(rows.map(({ queryLength }) => (queryLength === 1 ? "decode" : "prefill")).join());
    return begin.call(attention, rows);
  };
  await generate(model, attention, new Scheduler(sequences, limits));
  expect(sequences.map(textOf)).toEqual(austen.reference.greedy.map(({ text }) => text));
  expect(batches).toContain("decode,decode,decode,decode");
  expect(batches.some((rows) => rows.includes("decode") && rows.includes("prefill"))).toBe(true);
  expect(attention.probe.result.calls).toBeGreaterThan(50);
  expect(attention.probe.result.largest).toBeLessThan(DEVIATION_BOUND);
  expect(attention.probe.result.largest).toBeGreaterThan(0);
});
