import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createSampler } from "../../lib/cli/demo/sampler.js";
import { createSequence, type Sequence } from "../../lib/cli/demo/scheduler.js";

const folder = fileURLToPath(new URL("../../models/", import.meta.url));

/** The demo's model, and the texts that it writes greedily: each a prompt and 200 bytes. */
export const austen = {
  model: `${folder}austen-gqa.safetensors`,
  reference: JSON.parse(readFileSync(`${folder}austen-gqa.json`, "utf8")) as {
    greedy: { prompt: string; text: string }[];
    logits_last: number[];
  },
};

/** Sequences that continue the reference's prompts greedily by `tokens` bytes. */
export function greedySequences(tokens: number): Sequence[] {
  return austen.reference.greedy.map(({ prompt }, id) =>
    createSequence(id, Buffer.from(prompt, "latin1"), tokens, createSampler(0, 0)),
  );
}

export function textOf(sequence: Sequence): string {
  return Buffer.from(sequence.bytes).toString("latin1");
}
