import type { StepShape, StepView } from "../batch/step.js";

/** Keys of the longest sequence with one query token; of any sequence where there is no step to look at. */
export function longestDecode(shape: StepShape, step: StepView | null): number {
  if (step === null) return shape.maxSeqLen;
  let longest = 0;
  for (let s = 0; s < shape.sequences; s++) {
    const isDecode = step.queryStartLoc[s + 1]! - step.queryStartLoc[s]! === 1;
    if (isDecode && step.seqLens[s]! > longest) longest = step.seqLens[s]!;
  }
  return longest;
}

/** How the keys of decode sequences are divided into segments that different workgroups attend to. */
export interface Split {
  /** Keys of a segment. */
  readonly segmentTokens: number;
  /** Segments of the longest sequence. */
  readonly maxSegments: number;
}

/** Workgroups that a compute unit should find. */
const PROGRAMS_PER_COMPUTE_UNIT = 4;
/** A shorter segment costs more in merging than it gains. */
const MIN_SEGMENT_TOKENS = 128;
/** Of batch-invariant splits: a fixed length, so that a sequence's segments depend on itself alone. */
const INVARIANT_SEGMENT_TOKENS = 256;

export interface SplitInput {
  /** Sequences of the batch, KV heads and workgroups per sequence and KV head: they run side by side without a split. */
  readonly numSequences: number;
  readonly numKvHeads: number;
  readonly tilesPerSequence: number;
  /** Keys of the longest decode sequence. */
  readonly maxLen: number;
  readonly computeUnits: number;
  /** Keys of a kernel's tile: segments are multiples of it. */
  readonly tileKeys: number;
  readonly batchInvariant: boolean;
}

/**
 * Splits just so far that every compute unit has work, but never into segments shorter than 128 keys. With `batchInvariant`
 * segments have a fixed length instead.
 */
export function planSplit(input: SplitInput): Split {
  const { numSequences, numKvHeads, tilesPerSequence, maxLen, computeUnits, tileKeys } = input;
  if (input.batchInvariant) {
    return {
      segmentTokens: INVARIANT_SEGMENT_TOKENS,
      maxSegments: Math.max(1, Math.ceil(maxLen / INVARIANT_SEGMENT_TOKENS)),
    };
  }
  const programs = numSequences * numKvHeads * tilesPerSequence;
  const wanted = Math.floor((PROGRAMS_PER_COMPUTE_UNIT * computeUnits) / programs);
  const segments = Math.max(1, Math.min(wanted, Math.floor(maxLen / MIN_SEGMENT_TOKENS)));
  const segmentTokens = Math.max(tileKeys, Math.ceil(maxLen / segments / tileKeys) * tileKeys);
  return { segmentTokens, maxSegments: Math.max(1, Math.ceil(maxLen / segmentTokens)) };
}

/** The most segments, over all sequences of a batch, that `planSplit` makes: the workspace must hold them. */
export function mostSegments(
  input: Omit<SplitInput, "numSequences" | "maxLen">,
  maxSequences: number,
  maxLen: number,
): number {
  if (input.batchInvariant) return maxSequences * Math.ceil(maxLen / INVARIANT_SEGMENT_TOKENS);
  const programs = PROGRAMS_PER_COMPUTE_UNIT * input.computeUnits;
  return Math.max(maxSequences, Math.ceil(programs / (input.numKvHeads * input.tilesPerSequence)));
}
