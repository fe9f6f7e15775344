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
  /** Keys of a segment at most. */
  readonly segmentTokens: number;
  /** Segments of the longest sequence. */
  readonly maxSegments: number;
}

/** Workgroups that a compute unit should find at most. */
const PROGRAMS_PER_COMPUTE_UNIT = 4;
/** Keys that a compute unit reads in the time that one more segment takes: its start, and writing and reading what it found. */
const SEGMENT_COST = 32;
/** Keys that a compute unit reads in the time that it takes to launch a kernel that merges segments. */
const MERGE_COST = 96;
/** Fewer keys are not worth a workgroup: its waves take as many at a time. */
const MIN_SEGMENT_TOKENS = 96;
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
  /** Workgroups that a compute unit needs to be busy: fewer wait for memory as long as so many take. */
  readonly busyWorkgroups: number;
  /** Keys that segments are multiples of; 1 where a kernel divides a sequence evenly. */
  readonly tileKeys: number;
  readonly batchInvariant: boolean;
}

/**
 * Splits so that the busiest compute unit is done first, by a model that counts the keys it reads: whole workgroups for 1 to
 * 4 of them a compute unit are compared, and none for no merge. With `batchInvariant` segments have a fixed length instead.
 */
export function planSplit(input: SplitInput): Split {
  const { numSequences, numKvHeads, tilesPerSequence, maxLen, computeUnits, busyWorkgroups, tileKeys } =
    input;
  const inSegments = (segmentTokens: number): Split => ({
    segmentTokens,
    maxSegments: Math.max(1, Math.ceil(maxLen / segmentTokens)),
  });
  if (input.batchInvariant) return inSegments(INVARIANT_SEGMENT_TOKENS);
  const programs = numSequences * numKvHeads * tilesPerSequence;
  const cost = ({ segmentTokens, maxSegments }: Split) => {
    const workgroups = Math.max(busyWorkgroups, Math.ceil((programs * maxSegments) / computeUnits));
    const busiest = workgroups * (segmentTokens + SEGMENT_COST);
    return maxSegments === 1 ? busiest : busiest + MERGE_COST;
  };
  let best = inSegments(Math.max(1, Math.ceil(maxLen / tileKeys)) * tileKeys);
  for (let perUnit = 1; perUnit <= PROGRAMS_PER_COMPUTE_UNIT; perUnit++) {
    const segments = Math.floor((perUnit * computeUnits) / programs);
    const tokens = Math.max(MIN_SEGMENT_TOKENS, Math.ceil(maxLen / segments));
    const split = inSegments(Math.ceil(tokens / tileKeys) * tileKeys);
    if (segments > 1 && cost(split) < cost(best)) best = split;
  }
  return best;
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
