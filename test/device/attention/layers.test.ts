import { afterAll, expect, it } from "vitest";
import { createAttention, createBatch } from "../../../lib/index.js";
import { BACKENDS } from "../../support/backends.js";
import { openTestDevice } from "../../support/device.js";

const device = openTestDevice();
afterAll(() => device.close());

const SHAPE = { numHeads: 4, numKvHeads: 2, headSize: 64, dtype: "bfloat16" } as const;

it.each(BACKENDS)(
  "$backend attends to each layer's own cache, with the same tensors for all",
  async ({ backend }) => {
    const attention = createAttention(device, { ...SHAPE, backend });
    const cache = attention.createKvCache({ numBlocks: 4, layers: 3 });
    const batch = createBatch(device, { maxSequences: 1, maxTokens: 1, maxBlocksPerSequence: 2 });
    batch.update({ queryStartLoc: [0, 1], seqLens: [1], blockTable: [[2]] });
    const rows = (heads: number) => device.zeros([1, heads, 64], "bfloat16");
    const [query, key, output] = [rows(4), rows(2), rows(4)];
    const layers = [0, 1, 2].map((layer) => cache.layer(layer));
    for (const [index, layer] of layers.entries()) {
      const value = await device.upload(new Float32Array(128).fill(index + 1), {
        shape: [1, 2, 64],
        dtype: "bfloat16",
      });
      attention.forward({ query, key, value, output, cache: layer, batch });
      expect(new Set(await output.readFloat32())).toEqual(new Set([index + 1]));
    }
    for (const index of [2, 0, 1]) {
      attention.forward({ query, output, cache: layers[index]!, batch });
      expect(new Set(await output.readFloat32())).toEqual(new Set([index + 1]));
    }
  },
);
