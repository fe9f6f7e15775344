import { checkIntegers, checkOptions, isArray } from "../arguments.js";
import { invalidArgument } from "../errors.js";

/** The largest step that a batch will hold: its device memory is allocated for that once. */
export interface BatchLimits {
  readonly maxSequences: number;
  /** Query tokens of a step, over all sequences. */
  readonly maxTokens: number;
  readonly maxBlocksPerSequence: number;
  /** Query tokens of one sequence. Default maxTokens; 1 for a batch of decodes alone, whose graphs do nothing else. */
  readonly maxQueryLen?: number;
  /** Tokens of a cache block. Default 16. */
  readonly blockSize?: number;
}

/** One step on the host: the tokens of each sequence and their blocks in the cache. `BlockPool.batch` makes it. */
export interface BatchUpdate {
  /** [sequences + 1], from 0, never decreasing: where each sequence's query tokens begin. Equal neighbours: no tokens. */
  readonly queryStartLoc: ArrayLike<number>;
  /** [sequences]: tokens in the cache once this step is written, context + query. */
  readonly seqLens: ArrayLike<number>;
  /** [sequences]: each sequence's block ids, first to last; more than its length needs are allowed. */
  readonly blockTable: ArrayLike<ArrayLike<number>>;
  /** [tokens]: where each token's key and value go, block * blockSize + offset, -1: nowhere. Default: behind the context. */
  readonly slotMapping?: ArrayLike<number> | BigInt64Array | undefined;
  /** The block size that the ids count in; a batch of another one refuses the step. Default: not checked. */
  readonly blockSize?: number | undefined;
}

/** The sizes of a step, or the largest of any step that a batch admits. */
export interface StepShape {
  readonly sequences: number;
  /** Query tokens of all sequences. */
  readonly tokens: number;
  readonly maxQueryLen: number;
  /** Tokens of the longest sequence, context + query. */
  readonly maxSeqLen: number;
  /** Sequences with exactly one query token. */
  readonly decodes: number;
}

/** The step that a batch stands at, on the host. Its arrays may be read until the next `update`. */
export interface StepView {
  /** Grows with every `update`; 0 before the first. */
  readonly version: number;
  readonly shape: StepShape;
  /** [sequences + 1] */
  readonly queryStartLoc: Int32Array;
  /** [sequences] */
  readonly seqLens: Int32Array;
  /** Rows of `maxBlocksPerSequence` block ids, one a sequence; entries behind a sequence's last block mean nothing. */
  readonly blockTable: Int32Array;
}

/** A step that has passed all checks but those of its block ids, which are copied first. */
export interface CheckedStep {
  readonly shape: StepShape;
  /** Lists of numbers, whatever the caller gave. */
  readonly queryStartLoc: ArrayLike<number>;
  readonly seqLens: ArrayLike<number>;
  readonly blockTable: ArrayLike<ArrayLike<number>>;
  readonly slotMapping: ArrayLike<number> | null;
}

/** The bounds that a step is held against. */
export interface StepBounds extends Required<BatchLimits> {
  /** Block ids must lie below this. */
  readonly blocks: number;
}

const KEYS = ["queryStartLoc", "seqLens", "blockTable", "slotMapping", "blockSize"] as const;
const MAX_INT32 = 2 ** 31 - 1;

/** Checks a step, all but its block ids. Throws ERR_INVALID_ARGUMENT. */
export function checkStep(input: unknown, bounds: StepBounds): CheckedStep {
  if (input === undefined) throw invalidArgument("input", `an object with ${KEYS.join(", ")}`, input);
  const given = checkOptions(input, KEYS, "input");
  if (given.blockSize !== undefined && given.blockSize !== bounds.blockSize) {
    throw invalidArgument("blockSize", `${bounds.blockSize}, the batch's block size`, given.blockSize);
  }
  const seqLens = checkIntegers(given.seqLens, "seqLens", 0, MAX_INT32);
  const sequences = seqLens.length;
  if (sequences > bounds.maxSequences) {
    throw invalidArgument("seqLens", `the lengths of at most ${bounds.maxSequences} sequences`, sequences);
  }
  const queryStartLoc = checkIntegers(given.queryStartLoc, "queryStartLoc", 0, MAX_INT32);
  if (queryStartLoc.length !== sequences + 1) {
    throw invalidArgument("queryStartLoc", `${sequences + 1} entries`, queryStartLoc.length);
  }
  if (queryStartLoc[0] !== 0) throw invalidArgument("queryStartLoc[0]", "0", queryStartLoc[0]);
  if (!isArray(given.blockTable) || given.blockTable.length !== sequences) {
    const received = isArray(given.blockTable) ? given.blockTable.length : given.blockTable;
    throw invalidArgument("blockTable", `an array of ${sequences} rows`, received);
  }
  const blockTable: ArrayLike<number>[] = [];
  let [maxQueryLen, maxSeqLen, decodes] = [0, 0, 0];
  for (let s = 0; s < sequences; s++) {
    const queryLen = checkQueryLen(queryStartLoc, s, bounds);
    const row = checkRow(given.blockTable[s], s);
    const length = checkLength(seqLens[s]!, queryLen, row.length, s, bounds);
    maxQueryLen = Math.max(maxQueryLen, queryLen);
    maxSeqLen = Math.max(maxSeqLen, length);
    if (queryLen === 1) decodes++;
    blockTable.push(row);
  }
  const tokens = queryStartLoc[sequences]!;
  if (tokens > bounds.maxTokens) {
    throw invalidArgument("queryStartLoc", `at most ${bounds.maxTokens} tokens in all`, tokens);
  }
  const slotMapping = given.slotMapping === undefined ? null : checkSlots(given.slotMapping, tokens, bounds);
  const shape = { sequences, tokens, maxQueryLen, maxSeqLen, decodes };
  return { shape, queryStartLoc, seqLens, blockTable, slotMapping };
}

function checkQueryLen(queryStartLoc: ArrayLike<number>, s: number, { maxQueryLen }: StepBounds): number {
  const queryLen = queryStartLoc[s + 1]! - queryStartLoc[s]!;
  if (queryLen < 0) {
    const expected = `an integer >= ${queryStartLoc[s]}`;
    throw invalidArgument(`queryStartLoc[${s + 1}]`, expected, queryStartLoc[s + 1]);
  }
  if (queryLen > maxQueryLen) {
    throw invalidArgument(`queryStartLoc[${s + 1}]`, `at most ${maxQueryLen} tokens of a sequence`, queryLen);
  }
  return queryLen;
}

function checkRow(row: unknown, s: number): ArrayLike<number> {
  // Ids that a sequence does not need are not looked at: a row may be longer, and hold anything there.
  if (row instanceof Int32Array || isArray(row) || (ArrayBuffer.isView(row) && "length" in row))
    return row as ArrayLike<number>;
  throw invalidArgument(`blockTable[${s}]`, "an array of block ids", row);
}

function checkLength(
  length: number,
  queryLen: number,
  blocks: number,
  s: number,
  { maxBlocksPerSequence, blockSize }: StepBounds,
): number {
  const longest = Math.min(blocks, maxBlocksPerSequence) * blockSize;
  if (length >= queryLen && length <= longest) return length;
  throw invalidArgument(
    `seqLens[${s}]`,
    `an integer from ${queryLen} (its query tokens) to ${longest} (what its ${blocks} blocks hold)`,
    length,
  );
}

function checkSlots(
  slotMapping: unknown,
  tokens: number,
  { blocks, blockSize }: StepBounds,
): ArrayLike<number> {
  const slots = Math.min(blocks * blockSize, 2 ** 31);
  const list = checkIntegers(slotMapping, "slotMapping", -1, slots - 1);
  if (list.length === tokens) return list;
  throw invalidArgument("slotMapping", `${tokens} slots, one per token`, list.length);
}
