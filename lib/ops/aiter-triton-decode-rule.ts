/** The sizes of a step of decodes that AITER's paged decode in Triton is launched by. */
export interface TritonDecodeInput {
  readonly sequences: number;
  readonly numHeads: number;
  /** Keys of the longest sequence. */
  readonly maxSeqLen: number;
}

/** Keys of a partition. */
export const PARTITION_KEYS = 1024;
/** Keys of the longest sequence that a workgroup attends to alone. */
const MOST_WHOLE_KEYS = 8192;
/** Pairs of a sequence and a query head with more of which whole sequences keep a device busy. */
const BUSY_HEADS = 512;

/**
 * AITER's choice for a step (aiter/ops/triton/pa_decode.py): the partitions of a sequence, each for a workgroup of its own
 * (v2); null: whole sequences (v1).
 */
export function tritonDecodePartitions({ sequences, numHeads, maxSeqLen }: TritonDecodeInput): number | null {
  const partitions = Math.ceil(maxSeqLen / PARTITION_KEYS);
  const isWhole = partitions === 1 || sequences * numHeads > BUSY_HEADS;
  return maxSeqLen <= MOST_WHOLE_KEYS && isWhole ? null : partitions;
}

/** Workgroups of a step: one for each KV head of a sequence, or of a partition of it. */
export function tritonDecodeGrid(
  sequences: number,
  numKvHeads: number,
  partitions: number | null,
): readonly [number, number, number] {
  return [sequences, numKvHeads, partitions ?? 1];
}
