import type { Device } from "../../index.js";
import { sourceText } from "../../selection/text.js";
import { DeviceAttention } from "./device-attention.js";
import { generate } from "./generate.js";
import { LanguageModel } from "./model.js";
import { requireModel } from "./model-file.js";
import { openDevice } from "./open-device.js";
import { type DemoOptions, TRAINED_CONTEXT } from "./options.js";
import { type DemoReport, deviceText, formatReport } from "./report.js";
import { createSampler } from "./sampler.js";
import { createSequence, Scheduler, type Sequence } from "./scheduler.js";
import { Transcript } from "./transcript.js";

const PROMPTS = [
  "It is a truth universally acknowledged, that ",
  "Emma was ",
  '"My dear Mr. Bennet," said ',
  "CHAPTER I\n\n",
];

/** Sequences in a batch at most: others wait until one is complete. */
const MAX_RUNNING = 8;
/** Tokens of a step at most: a longer prompt is read in several steps, while other sequences go on. */
const MAX_TOKENS = 32;

/** Writes the texts that the options ask for and prints them with a table, or one JSON object. */
export async function runDemo(options: DemoOptions): Promise<void> {
  const interruption = new AbortController();
  // The second Ctrl-C ends the process as usual.
  const interrupt = () => interruption.abort();
  process.once("SIGINT", interrupt);
  const device = openDevice(options.device);
  try {
    const report = await writeTexts(device, options, interruption.signal);
    process.stdout.write(
      options.json ? `${JSON.stringify(report, null, 2)}\n` : `\n${formatReport(report)}\n`,
    );
  } finally {
    process.off("SIGINT", interrupt);
    await device.close();
  }
  if (interruption.signal.aborted) process.exitCode = 130;
}

async function writeTexts(device: Device, options: DemoOptions, signal: AbortSignal): Promise<DemoReport> {
  const model = LanguageModel.load(requireModel(options.model));
  const sequences = createSequences(options);
  const limits = {
    maxSequences: Math.min(sequences.length, MAX_RUNNING),
    maxTokens: MAX_TOKENS,
    maxLength: Math.max(...sequences.map(({ length }) => length)),
  };
  const attention = await DeviceAttention.create(device, model.attention, limits, options);
  const { backend, explanation } = attention.attention;
  const transcript = new Transcript(sequences, (text) => process.stdout.write(text), process.stdout.isTTY);
  const show = options.json ? () => {} : () => transcript.update();
  if (!options.json) introduce(device, backend, limits.maxLength);
  show();

  const start = performance.now();
  const scheduler = new Scheduler(sequences, limits, attention);
  const { steps, tokens } = await generate(model, attention, scheduler, { onByte: show, signal });
  const seconds = (performance.now() - start) / 1000;
  attention.kernelTimes.stop();
  if (!options.json) transcript.end();

  const texts = sequences.map(({ bytes, promptLength }) => ({
    prompt: decode(bytes.slice(0, promptLength)),
    text: decode(bytes),
    tokens: bytes.length - promptLength,
  }));
  const { name, arch, emulated, computeUnits } = device.info;
  return {
    text: texts[0]!.text,
    sequences: texts,
    backend,
    reason: sourceText(explanation.source),
    device: { name, arch, emulated, computeUnits },
    kernels: attention.kernelTimes.uses,
    enqueuing: attention.enqueueTimes.result,
    steps,
    sharedBytes: attention.sharedBytes,
    tokens,
    seconds,
    tokensPerSecond: tokens / seconds,
    deviation: attention.probe.result,
    seed: options.seed,
    temperature: options.temperature,
  };
}

/** Says what the text will come from, before it comes. */
function introduce(device: Device, backend: string, maxLength: number): void {
  const lines = [`Attention by ${backend} on ${deviceText(device.info)}.`];
  if (maxLength > TRAINED_CONTEXT) {
    lines.push(
      `The model was trained on ${TRAINED_CONTEXT} bytes of context; what lies beyond reads less well.`,
    );
  }
  process.stdout.write(`${lines.join("\n")}\n\n`);
}

/** Sequence i continues the prompt, or one of the prompts in turn, with random numbers of its own. */
function createSequences({ prompt, sequences, tokens, temperature, seed }: DemoOptions): Sequence[] {
  return Array.from({ length: sequences }, (_, id) => {
    const bytes = Buffer.from(prompt ?? PROMPTS[id % PROMPTS.length]!);
    return createSequence(id, bytes, tokens, createSampler(temperature, seed + id));
  });
}

function decode(bytes: readonly number[]): string {
  return Buffer.from(bytes).toString();
}
