import { afterAll, expect, it } from "vitest";
import { createAttention, createBatch, type Tensor } from "../../../lib/index.js";
import { BACKENDS, hasLse } from "../../support/backends.js";
import { openTestDevice } from "../../support/device.js";

const device = openTestDevice();
afterAll(() => device.close());

// Memory that nobody writes is committed page by page, and reads as 0: all keys but the last have the score 0.
it.each(BACKENDS)(
  "$backend decodes a sequence of a million tokens",
  async ({ backend }) => {
    const [tokens, blockSize, headSize, numHeads] = [2 ** 20, 64, 64, 2];
    const sizes = { numHeads, numKvHeads: 1, headSize, blockSize };
    using attention = createAttention(device, { ...sizes, dtype: "bfloat16", backend });
    const numBlocks = tokens / blockSize;
    using cache = attention.createKvCache({ numBlocks });
    const limits = { maxSequences: 1, maxTokens: 1, maxBlocksPerSequence: numBlocks, blockSize };
    using batch = createBatch(device, limits);
    const blockTable = [Array.from({ length: numBlocks }, (_, block) => block)];
    batch.update({ queryStartLoc: [0, 1], seqLens: [tokens], blockTable });

    const filled = (value: number, heads: number): Promise<Tensor> =>
      device.upload(new Float32Array(heads * headSize).fill(value), {
        shape: [1, heads, headSize],
        dtype: "bfloat16",
      });
    const [query, key, value] = [await filled(1, numHeads), await filled(1.75, 1), await filled(1, 1)];
    const output = device.empty([1, numHeads, headSize], "bfloat16");
    const lse = hasLse(attention) ? device.empty([1, numHeads], "float32") : undefined;
    attention.forward({ query, key, value, output, lse, cache: cache.layer(0), batch });

    const weight = Math.exp((1.75 * headSize) / Math.sqrt(headSize));
    const sum = weight + tokens - 1;
    for (const each of (await lse?.readFloat32()) ?? []) expect(each).toBeCloseTo(Math.log(sum), 3);
    for (const each of await output.readFloat32()) expect(each).toBeCloseTo(weight / sum, 2);
  },
  600_000,
);
