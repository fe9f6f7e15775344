import { elementCount } from "../../device/layout.js";
import { createAttention, createBatch, type Device } from "../../index.js";
import { randomBfloat16, runningSums } from "../inputs.js";

/** A batch to profile: per sequence the tokens in its cache and the tokens that are new. */
interface Example {
  readonly description: string;
  readonly sequences: readonly { readonly context: number; readonly query: number }[];
}

const EXAMPLES = {
  decode: {
    description: "4 sequences of 600 tokens, one new token each",
    sequences: Array.from({ length: 4 }, () => ({ context: 600, query: 1 })),
  },
  prefill: { description: "one sequence of 256 new tokens", sequences: [{ context: 0, query: 256 }] },
  mixed: {
    description: "64 new tokens after a context of 100, and three decodes",
    sequences: [
      { context: 100, query: 64 },
      { context: 400, query: 1 },
      { context: 33, query: 1 },
      { context: 250, query: 1 },
    ],
  },
} satisfies Record<string, Example>;

export type ExampleName = keyof typeof EXAMPLES;
export const EXAMPLE_NAMES = Object.keys(EXAMPLES) as ExampleName[];

/** As in a layer of a model with grouped queries. */
const SHAPE = { numHeads: 8, numKvHeads: 2, headSize: 128 } as const;
const BLOCK_SIZE = 16;

/** An example in words. */
export function describeExample(name: ExampleName): string {
  const { numHeads, numKvHeads, headSize } = SHAPE;
  return `${EXAMPLES[name].description}; ${numHeads} heads on ${numKvHeads} of K and V, ${headSize} elements each, bfloat16`;
}

/** Makes ready what an example needs on the device; `run` then enqueues its one step of attention and waits for it. */
export async function prepareExample(
  device: Device,
  name: ExampleName,
): Promise<{ backend: string; run: () => Promise<void> }> {
  const { numHeads, numKvHeads, headSize } = SHAPE;
  const { sequences } = EXAMPLES[name];
  const seqLens = sequences.map(({ context, query }) => context + query);
  const blocks = seqLens.map((length) => Math.ceil(length / BLOCK_SIZE));
  const numBlocks = blocks.reduce((sum, count) => sum + count, 0);
  const tokens = sequences.reduce((sum, { query }) => sum + query, 0);
  const attention = createAttention(device, { ...SHAPE, dtype: "bfloat16", blockSize: BLOCK_SIZE });
  const batch = createBatch(device, {
    maxSequences: sequences.length,
    maxTokens: tokens,
    maxBlocksPerSequence: Math.max(...blocks),
  });
  const random = (shape: number[]) =>
    device.upload(randomBfloat16(elementCount(shape), 1), { shape, dtype: "bfloat16" });
  const [keys, values] = await Promise.all(
    [0, 1].map(() => random([numBlocks, BLOCK_SIZE, numKvHeads, headSize])),
  );
  const cache = attention.wrapKvCache({ key: keys!, value: values! });
  const query = await random([tokens, numHeads, headSize]);
  const key = await random([tokens, numKvHeads, headSize]);
  const value = await random([tokens, numKvHeads, headSize]);
  const output = device.empty([tokens, numHeads, headSize], "bfloat16");
  const firstBlocks = runningSums(blocks);
  batch.update({
    queryStartLoc: runningSums(sequences.map(({ query }) => query)),
    seqLens,
    blockTable: blocks.map((count, index) =>
      Array.from({ length: count }, (_, block) => firstBlocks[index]! + block),
    ),
  });
  await device.defaultStream.synchronize();
  return {
    backend: attention.backend,
    run: () => {
      attention.forward({ query, key, value, output, cache, batch });
      return device.defaultStream.synchronize();
    },
  };
}
