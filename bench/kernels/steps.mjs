import { createBatch } from "../../dist/index.js";
import { BLOCK_SIZE } from "./shapes.mjs";

/** A batch that stands at a shape's step. */
export function batchOf(device, { sequences, length, queries }) {
  const blocks = length / BLOCK_SIZE;
  const batch = createBatch(device, {
    ...{ maxSequences: sequences, maxTokens: sequences * queries },
    ...{ maxBlocksPerSequence: blocks, maxQueryLen: queries },
  });
  batch.update({
    queryStartLoc: Int32Array.from({ length: sequences + 1 }, (_, sequence) => sequence * queries),
    seqLens: new Int32Array(sequences).fill(length),
    blockTable: blockTable(sequences, blocks),
  });
  return batch;
}

/** Each sequence's blocks, all different and not in order: their number is a power of two. */
export function blockTable(sequences, blocks) {
  let next = 0;
  const all = sequences * blocks;
  return Array.from({ length: sequences }, () =>
    Int32Array.from({ length: blocks }, () => (7 * next++) % all),
  );
}

export function disposeAll(owners) {
  for (const owner of owners) owner.dispose();
}
