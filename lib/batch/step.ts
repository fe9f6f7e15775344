import { checkIntegers, checkOptions, isArray } from "../arguments.js";
import { invalidArgument } from "../errors.js";

/** The largest step that a batch will hold: its device memory is allocated for that once. */
export interface BatchLimits {
  /** Rows of a step. */
  readonly maxSequences: number;
  /** Query tokens of a step, over all sequences. */
  readonly maxTokens: number;
  /** 0: a batch for encoders, whose attention has no cache. */
  readonly maxBlocksPerSequence: number;
  /** Encoder tokens whose keys and values a step writes: a batch for cross attention. Default 0: for self-attention. */
  readonly maxKeyTokens?: number;
  /** Query tokens of one sequence. Default maxTokens; 1 for a batch of decodes alone, whose graphs do nothing else. */
  readonly maxQueryLen?: number;
  /** Tokens of a cache block. Default 16. */
  readonly blockSize?: number;
}

/**
 * One step on the host: the tokens of each sequence and their blocks in the cache. `BlockPool.batch` makes it. A batch for
 * encoders takes `queryStartLoc` alone.
 */
export interface BatchUpdate {
  /** [sequences + 1], from 0, never decreasing: where each sequence's query tokens begin. Equal neighbours: no tokens. */
  readonly queryStartLoc: ArrayLike<number>;
  /** [sequences]: tokens in the cache once this step is written, context + query; in cross attention the encoder's. */
  readonly seqLens?: ArrayLike<number>;
  /** [sequences]: each sequence's block ids, first to last; more than its length needs are allowed. */
  readonly blockTable?: ArrayLike<ArrayLike<number>>;
  /** [tokens]: where each token's key and value go, block * blockSize + offset, -1: nowhere. Default: behind the context. */
  readonly slotMapping?: ArrayLike<number> | BigInt64Array | undefined;
  /** [key tokens]: in cross attention, where the encoder's keys and values go. Default: this step brings none. */
  readonly keySlotMapping?: ArrayLike<number> | BigInt64Array | undefined;
  /** The block size that the ids count in; a batch of another one refuses the step. Default: not checked. */
  readonly blockSize?: number | undefined;
}

/** The most tokens of a step that bring a key and a value. */
export function mostKeyTokens({ maxTokens, maxKeyTokens }: Required<BatchLimits>): number {
  return maxKeyTokens > 0 ? maxKeyTokens : maxTokens;
}

/** The sizes of a step, or the largest of any step that a batch admits. */
export interface StepShape {
  /** Rows, those without tokens among them. */
  readonly sequences: number;
  /** Query tokens of all sequences. */
  readonly tokens: number;
  /** Tokens that bring a key and a value: `tokens`, or in cross attention those of the encoder. */
  readonly keyTokens: number;
  /** Query tokens of the sequence that has the most. */
  readonly maxQueryLen: number;
  /** Keys of the longest sequence: context + query, or in cross attention the encoder's. */
  readonly maxSeqLen: number;
  /** Sequences with exactly one query token. */
  readonly decodes: number;
}

/** The step that a batch stands at, on the host. Its arrays may be read until the next `update`. */
export interface StepView {
  /** Grows with every `update`; 0 before the first. */
  readonly version: number;
  /** The sizes of the step. */
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
  /** Of the tokens that bring keys; null: behind the contexts. */
  readonly slotMapping: ArrayLike<number> | null;
}

/** The bounds that a step is held against. */
export interface StepBounds extends Required<BatchLimits> {
  /** Block ids must lie below this. */
  readonly blocks: number;
}

const KEYS = [
  ...(["queryStartLoc", "seqLens", "blockTable"] as const),
  ...(["slotMapping", "keySlotMapping", "blockSize"] as const),
];
const MAX_INT32 = 2 ** 31 - 1;

/** Checks a step, all but its block ids. Throws ERR_INVALID_ARGUMENT. */
export function checkStep(input: unknown, bounds: StepBounds): CheckedStep {
  if (input === undefined) throw invalidArgument("input", `an object with ${KEYS.join(", ")}`, input);
  const given = checkOptions(input, KEYS, "input");
  if (given.blockSize !== undefined && given.blockSize !== bounds.blockSize) {
    throw invalidArgument("blockSize", `${bounds.blockSize}, the batch's block size`, given.blockSize);
  }
  if (bounds.maxBlocksPerSequence === 0) return checkEncoderStep(given, bounds);
  const seqLens = checkIntegers(given.seqLens, "seqLens", 0, MAX_INT32);
  const sequences = seqLens.length;
  if (sequences > bounds.maxSequences) {
    throw invalidArgument("seqLens", `the lengths of at most ${bounds.maxSequences} sequences`, sequences);
  }
  const queryStartLoc = checkIntegers(given.queryStartLoc, "queryStartLoc", 0, MAX_INT32);
  if (queryStartLoc.length !== sequences + 1) {
    throw invalidArgument("queryStartLoc", `${sequences + 1} entries`, queryStartLoc.length);
  }
  const tokens = checkTokens(queryStartLoc, bounds);
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
  const slotMapping =
    bounds.maxKeyTokens > 0 ? checkKeySlots(given, bounds) : checkSlots(given, tokens, bounds);
  const keyTokens = slotMapping?.length ?? tokens;
  const shape = { sequences, tokens, keyTokens, maxQueryLen, maxSeqLen, decodes };
  return { shape, queryStartLoc, seqLens, blockTable, slotMapping };
}

type Given = { readonly [Key in (typeof KEYS)[number]]?: unknown };

/** Checks a step without a cache: the keys of a sequence are those of its query tokens. */
function checkEncoderStep(given: Given, bounds: StepBounds): CheckedStep {
  for (const key of ["seqLens", "blockTable", "slotMapping", "keySlotMapping"] as const) {
    if (given[key] !== undefined)
      throw invalidArgument(key, "undefined: the batch has no blocks", given[key]);
  }
  const queryStartLoc = checkIntegers(given.queryStartLoc, "queryStartLoc", 0, MAX_INT32);
  const sequences = queryStartLoc.length - 1;
  if (sequences < 0 || sequences > bounds.maxSequences) {
    throw invalidArgument("queryStartLoc", `1 to ${bounds.maxSequences + 1} entries`, queryStartLoc.length);
  }
  const tokens = checkTokens(queryStartLoc, bounds);
  const seqLens = Int32Array.from({ length: sequences }, (_, s) => checkQueryLen(queryStartLoc, s, bounds));
  const maxQueryLen = seqLens.reduce((longest, length) => Math.max(longest, length), 0);
  const decodes = seqLens.filter((length) => length === 1).length;
  const shape = { sequences, tokens, keyTokens: tokens, maxQueryLen, maxSeqLen: maxQueryLen, decodes };
  return { shape, queryStartLoc, seqLens, blockTable: [], slotMapping: [] };
}

function checkTokens(queryStartLoc: ArrayLike<number>, { maxTokens }: StepBounds): number {
  if (queryStartLoc[0] !== 0) throw invalidArgument("queryStartLoc[0]", "0", queryStartLoc[0]);
  const tokens = queryStartLoc[queryStartLoc.length - 1]!;
  if (tokens <= maxTokens) return tokens;
  throw invalidArgument("queryStartLoc", `at most ${maxTokens} tokens in all`, tokens);
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
  { maxBlocksPerSequence, blockSize, maxKeyTokens }: StepBounds,
): number {
  const longest = Math.min(blocks, maxBlocksPerSequence) * blockSize;
  const least = maxKeyTokens > 0 ? 0 : queryLen;
  if (length >= least && length <= longest) return length;
  const from = maxKeyTokens > 0 ? "0" : `${queryLen} (its query tokens)`;
  const expected = `an integer from ${from} to ${longest} (what its ${blocks} blocks hold)`;
  throw invalidArgument(`seqLens[${s}]`, expected, length);
}

/** The slots of self-attention's tokens; null: behind the contexts. */
function checkSlots(given: Given, tokens: number, bounds: StepBounds): ArrayLike<number> | null {
  if (given.keySlotMapping !== undefined) {
    const expected = "undefined: a batch for cross attention has maxKeyTokens";
    throw invalidArgument("keySlotMapping", expected, given.keySlotMapping);
  }
  if (given.slotMapping === undefined) return null;
  const list = checkIntegers(given.slotMapping, "slotMapping", -1, lastSlot(bounds));
  if (list.length === tokens) return list;
  throw invalidArgument("slotMapping", `${tokens} slots, one per token`, list.length);
}

/** The slots of the encoder's tokens in cross attention. */
function checkKeySlots(given: Given, bounds: StepBounds): ArrayLike<number> {
  if (given.slotMapping !== undefined) {
    const expected = "undefined: a batch for cross attention takes keySlotMapping";
    throw invalidArgument("slotMapping", expected, given.slotMapping);
  }
  if (given.keySlotMapping === undefined) return [];
  const list = checkIntegers(given.keySlotMapping, "keySlotMapping", -1, lastSlot(bounds));
  if (list.length <= bounds.maxKeyTokens) return list;
  throw invalidArgument("keySlotMapping", `at most ${bounds.maxKeyTokens} slots`, list.length);
}

function lastSlot({ blocks, blockSize }: StepBounds): number {
  return Math.min(blocks * blockSize, 2 ** 31) - 1;
}
