/** The sizes of a step and of a device that AITER's unified attention is launched by. */
export interface UnifiedRuleInput {
  readonly sequences: number;
  readonly tokens: number;
  readonly maxQueryLen: number;
  readonly maxSeqLen: number;
  readonly numKvHeads: number;
  readonly queriesPerKv: number;
  readonly hasWindow: boolean;
  readonly computeUnits: number;
}

/** How AITER launches a step: whole, by tiles of so many rows at least, or split over the keys into so many segments. */
export type UnifiedRule = { readonly rows: number } | { readonly segments: number };

const SMALL_ROWS = 16;
const LARGE_ROWS = 128;
/** Query tokens of a sequence from which the large tile pays. */
const LARGE_QUERY_LEN = 256;
/** Keys up to which nothing is split. */
const WHOLE_KEYS = 512;
/** Workgroups that a compute unit should find; with more there is no split, with fewer there are as many segments as make them. */
const WORKGROUPS_PER_COMPUTE_UNIT = 4;
/** Of tiles of more than 16 keys. */
const MIN_SEGMENTS = 8;
const MAX_SEGMENTS = 128;

/** AITER's choice for a step (aiter/ops/triton/unified_attention.py). */
export function unifiedRule(input: UnifiedRuleInput): UnifiedRule {
  const { tokens, sequences, maxQueryLen, maxSeqLen, numKvHeads, queriesPerKv, hasWindow, computeUnits } =
    input;
  const rows = queriesPerKv <= SMALL_ROWS ? SMALL_ROWS : nextPowerOfTwo(queriesPerKv);
  const target = WORKGROUPS_PER_COMPUTE_UNIT * computeUnits;
  const workgroups = queryTiles(rows, queriesPerKv, tokens, sequences) * numKvHeads;
  if (hasWindow || maxSeqLen <= WHOLE_KEYS || workgroups > target) {
    return { rows: maxQueryLen >= LARGE_QUERY_LEN ? LARGE_ROWS : rows };
  }
  return { segments: segmentsFor(target / workgroups) };
}

/** The tiles of a step, at most: each holds the rows of so many whole query tokens as fit, all of one sequence. */
export function queryTiles(rows: number, queriesPerKv: number, tokens: number, sequences: number): number {
  return Math.floor(tokens / Math.floor(rows / queriesPerKv)) + sequences;
}

/** The most pairs of a query token and a segment of any step that is split, with at most `maxTokens` tokens. */
export function mostSplitTokens(
  maxTokens: number,
  {
    numKvHeads,
    queriesPerKv,
    computeUnits,
  }: Pick<UnifiedRuleInput, "numKvHeads" | "queriesPerKv" | "computeUnits">,
): number {
  const target = WORKGROUPS_PER_COMPUTE_UNIT * computeUnits;
  const queries = Math.floor(SMALL_ROWS / queriesPerKv);
  let most = 0;
  // Every step with tokens has a sequence, which takes a tile of its own.
  for (let tiles = 1; tiles * numKvHeads <= target; tiles++) {
    const tokens = Math.min(maxTokens, tiles * queries);
    most = Math.max(most, tokens * segmentsFor(target / (tiles * numKvHeads)));
  }
  return most;
}

function segmentsFor(wanted: number): number {
  return Math.max(MIN_SEGMENTS, Math.min(nextPowerOfTwo(Math.ceil(wanted)), MAX_SEGMENTS));
}

function nextPowerOfTwo(value: number): number {
  return 2 ** Math.ceil(Math.log2(value));
}
