import type { Batch, Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits } from "../batch/step.js";
import { invalidArgument } from "../errors.js";
import type { LayerPart } from "../kv-cache/layer.js";

/** Ids behind a row's last one that kernels may load, and then do nothing with. */
const READ_AHEAD = 16;

/** The block table in blocks of some tokens: a kernel for those serves caches of any multiple. */
export interface BlockTable {
  /** Blocks of these that make one of the cache. */
  readonly ratio: number;
  /** Ids of a row. */
  readonly stride: number;
  pointer(batch: Batch): bigint;
  /** Elements from one block of a part to the next. */
  blockStride(part: LayerPart): number;
}

/** Throws where blocks of a cache are not whole multiples of the table's, side by side. */
export function checkBlocks(part: LayerPart, { ratio }: BlockTable, name: string): void {
  const { tensor, strides, blockStride } = part;
  if (ratio === 1 || blockStride === tensor.shape[1]! * strides[0]!) return;
  throw invalidArgument(
    name,
    "a cache whose blocks follow each other without gaps",
    `${blockStride} elements apart`,
  );
}

/**
 * Derives the block table in blocks of `tokens` tokens. In memory a block's parts follow each other, so block b of `ratio`
 * parts is the blocks b * ratio to b * ratio + ratio - 1 of the smaller size.
 */
export function deriveBlockTable(
  { blockSize, maxSequences, maxBlocksPerSequence }: Required<BatchLimits>,
  tokens: number,
  derive: (source: DerivedSource) => Derived,
): BlockTable {
  const ratio = blockSize / tokens;
  const blockStride = (part: LayerPart) => part.blockStride / ratio;
  if (ratio === 1) {
    return { ratio, stride: maxBlocksPerSequence, pointer: (batch) => batch.blockTablePointer, blockStride };
  }
  const stride = maxBlocksPerSequence * ratio;
  const derived = derive({
    bytes: 4 * (maxSequences * stride + READ_AHEAD),
    fill({ shape, seqLens, blockTable }, into) {
      const table = new Int32Array(into.buffer, into.byteOffset, maxSequences * stride);
      for (let s = 0; s < shape.sequences; s++) {
        const blocks = Math.ceil(seqLens[s]! / tokens);
        for (let block = 0; block < blocks; block++) {
          const id = blockTable[s * maxBlocksPerSequence + Math.floor(block / ratio)]!;
          table[s * stride + block] = id * ratio + (block % ratio);
        }
      }
      return 4 * shape.sequences * stride;
    },
  });
  return { ratio, stride, pointer: () => derived.pointer, blockStride };
}
