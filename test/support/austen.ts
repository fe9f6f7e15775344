import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createSampler } from "../../lib/cli/demo/sampler.js";
import { createSequence, type PromptMemory, type Sequence } from "../../lib/cli/demo/scheduler.js";

const folder = fileURLToPath(new URL("../../models/", import.meta.url));

function load(kind: "gqa" | "mla") {
  return {
    model: `${folder}austen-${kind}.safetensors`,
    reference: JSON.parse(readFileSync(`${folder}austen-${kind}.json`, "utf8")) as {
      greedy: { prompt: string; text: string }[];
      logits_last: number[];
    },
  };
}

/** The demo's models, and the texts that they write greedily: each a prompt and 200 bytes. */
export const austen = load("gqa");
export const austenMla = load("mla");

/** Sequences that continue the reference's prompts greedily by `tokens` bytes. */
export function greedySequences(tokens: number, { reference } = austen): Sequence[] {
  return reference.greedy.map(({ prompt }, id) =>
    createSequence(id, Buffer.from(prompt, "latin1"), tokens, createSampler(0, 0)),
  );
}

export function textOf(sequence: Sequence): string {
  return Buffer.from(sequence.bytes).toString("latin1");
}

/** Nothing is known of any prompt. */
export const NO_MEMORY: PromptMemory = { admit: () => true };
