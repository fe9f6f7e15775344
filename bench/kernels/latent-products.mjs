import { createBatch, createMlaAttention } from "../../dist/index.js";
import { BLOCK_SIZE, HEAD_SIZE, LATENT_RANK, LATENT_SIZE } from "./shapes.mjs";

// The products of latent attention's decodes with W_UK and W_UV, for so many tokens and heads: each reads its half of the
// layer's up-projection, and queries or latent results, once. TRITON_MLA's queries have no rotary part behind them.

const ROPE = LATENT_SIZE - LATENT_RANK;

export const latentProducts = [16, 32, 64, 128].flatMap((numHeads) =>
  [1, 16, 64, 256].flatMap((tokens) =>
    ["query", "value"].map((which) => ({
      name: `latent ${which} product, ${tokens} tokens, heads ${numHeads}`,
      // Tiles of tokens share weights, which a sample would take for each one's own.
      full: true,
      prepare: (device) => product(device, which, tokens, numHeads),
    })),
  ),
);

/** A decode whose sequences have one key each; `only`: the kernel among its launches that is measured. */
function product(device, which, tokens, numHeads) {
  const shape = { numHeads, kvLoraRank: LATENT_RANK, dtype: "bfloat16", blockSize: BLOCK_SIZE };
  const attention = createMlaAttention(device, { ...shape, backend: "TRITON_MLA", env: {} });
  const cache = attention.createKvCache({ numBlocks: tokens });
  const limits = { maxSequences: tokens, maxTokens: tokens, maxBlocksPerSequence: 1 };
  const batch = createBatch(device, { ...limits, maxQueryLen: 1 });
  const range = Array.from({ length: tokens + 1 }, (_, index) => index);
  const blockTable = range.slice(0, -1).map((index) => [index]);
  batch.update({ queryStartLoc: range, seqLens: new Array(tokens).fill(1), blockTable });
  attention.prepare(batch);
  const tensor = (...dimensions) => device.empty(dimensions, "bfloat16");
  const kvB = tensor(numHeads * 2 * HEAD_SIZE, LATENT_RANK);
  const weights = attention.prepareKvB(kvB);
  const queryNope = tensor(tokens, numHeads, HEAD_SIZE);
  const queryRope = tensor(tokens, numHeads, ROPE);
  const output = tensor(tokens, numHeads, HEAD_SIZE);
  const call = { queryNope, queryRope, weights, output, cache: cache.layer(0), batch };
  return {
    enqueue: () => attention.forward(call),
    only: `mla_${which}_product`,
    bytes: 2 * numHeads * (HEAD_SIZE * LATENT_RANK + tokens * (HEAD_SIZE + LATENT_RANK)),
    owners: [queryNope, queryRope, output, kvB, weights, cache, batch, attention],
  };
}
