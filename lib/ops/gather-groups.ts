import type { BatchLimits, StepView } from "../batch/step.js";

/** A part of a sequence that is too long to be gathered at once. */
export interface Chunk {
  /** The sequence's query tokens, and the first of them in the step. */
  readonly tokens: number;
  readonly firstToken: number;
  /** Whether it begins the sequence: the results of the others are merged with those of the chunks before them. */
  readonly isFirst: boolean;
  /** Keys of the sequence behind it. */
  readonly keysBehind: number;
}

/** Keys and values that are gathered at once: all that neighbouring sequences look at, or a chunk of one of them. */
export interface GatherGroup {
  /** The first sequence. */
  readonly first: number;
  readonly sequences: number;
  /** Keys of all of them. */
  readonly keys: number;
  /**
   * Where its lists begin in those of the plan. They follow each other: by sequence the query tokens (0: it is left out),
   * the first position and the number of keys; then the row of each sequence's first key, and behind the last the number of rows.
   */
  readonly listsAt: number;
  /** null: whole sequences. */
  readonly chunk: Chunk | null;
}

/** The sequences of a step with more tokens than a decode: those without a context, and those with one. */
export interface LongSequencesPlan {
  /** The most query tokens of a sequence with a context; 0: there is none. */
  readonly longestExtend: number;
  /** The gathers that each of the two kinds needs. */
  readonly prefills: readonly GatherGroup[];
  readonly extends: readonly GatherGroup[];
  /** Of all groups. */
  readonly lists: readonly number[];
}

/** How the keys of a step's long sequences are gathered. */
export interface GatherRule {
  /** Query tokens of the longest decode. */
  readonly decodeTokens: number;
  /** Keys that a query sees, itself included; null: all. */
  readonly slidingWindow: number | null;
  /** Keys of a group at most. */
  readonly maxKeys: number;
  /** Whether sequences of more keys are gathered in chunks. Otherwise each has a group of its own. */
  readonly hasChunks: boolean;
  /** Keys that one sequence may look at. */
  readonly mostKeys: number;
}

/** Plans the gathers of a step in one pass. Groups hold sequences in their order, and chunks depend on their sequence alone. */
export function planLongSequences(
  { shape, queryStartLoc, seqLens }: StepView,
  rule: GatherRule,
): LongSequencesPlan {
  const { decodeTokens, slidingWindow } = rule;
  const lists: number[] = [];
  const prefills = new GroupsOfKind(rule, lists);
  const extending = new GroupsOfKind(rule, lists);
  let longestExtend = 0;
  for (let s = 0; s < shape.sequences; s++) {
    const firstToken = queryStartLoc[s]!;
    const tokens = queryStartLoc[s + 1]! - firstToken;
    if (tokens <= decodeTokens) continue;
    const seqLen = seqLens[s]!;
    const keys = slidingWindow === null ? seqLen : Math.min(seqLen, tokens + slidingWindow - 1);
    const isPrefill = tokens === seqLen;
    if (!isPrefill) longestExtend = Math.max(longestExtend, tokens);
    (isPrefill ? prefills : extending).add(s, { firstToken, tokens, start: seqLen - keys, keys });
  }
  const [before, after] = [prefills.end(), extending.end()];
  return { longestExtend, prefills: before, extends: after, lists };
}

interface LongSequence {
  readonly firstToken: number;
  readonly tokens: number;
  /** The first position that its queries look at, and the positions from there. */
  readonly start: number;
  readonly keys: number;
}

class GroupsOfKind {
  readonly #groups: GatherGroup[] = [];
  #first = 0;
  #keys = 0;
  /** By sequence of the group that is being made: query tokens, starts, keys. */
  #open: (readonly [tokens: number, start: number, keys: number])[] = [];

  constructor(
    private readonly rule: GatherRule,
    private readonly lists: number[],
  ) {}

  add(s: number, { firstToken, tokens, start, keys }: LongSequence): void {
    const { maxKeys, hasChunks } = this.rule;
    if (this.#keys + keys > maxKeys) this.#close(null);
    if (keys <= maxKeys || !hasChunks) {
      this.#put(s, tokens, start, keys);
      return;
    }
    for (let done = 0; done < keys; done += maxKeys) {
      const size = Math.min(maxKeys, keys - done);
      this.#put(s, tokens, start + done, size);
      this.#close({ tokens, firstToken, isFirst: done === 0, keysBehind: keys - done - size });
    }
  }

  end(): readonly GatherGroup[] {
    this.#close(null);
    return this.#groups;
  }

  #put(s: number, tokens: number, start: number, keys: number): void {
    if (this.#open.length === 0) this.#first = s;
    while (this.#first + this.#open.length < s) this.#open.push([0, 0, 0]);
    this.#open.push([tokens, start, keys]);
    this.#keys += keys;
  }

  #close(chunk: Chunk | null): void {
    const { length: sequences } = this.#open;
    if (sequences === 0) return;
    const listsAt = this.lists.length;
    for (const column of [0, 1, 2] as const) for (const entry of this.#open) this.lists.push(entry[column]);
    let row = 0;
    for (const [, , keys] of this.#open) {
      this.lists.push(row);
      row += keys;
    }
    this.lists.push(row);
    this.#groups.push({ first: this.#first, sequences, keys: this.#keys, listsAt, chunk });
    this.#open = [];
    this.#keys = 0;
  }
}

/** The most keys that one sequence of any step within limits looks at. */
function mostKeysOfSequence(limits: Required<BatchLimits>, rule: GatherRule): number {
  const { maxBlocksPerSequence, blockSize, maxQueryLen } = limits;
  const seen = rule.slidingWindow === null ? Number.POSITIVE_INFINITY : maxQueryLen + rule.slidingWindow - 1;
  return Math.min(maxBlocksPerSequence * blockSize, rule.mostKeys, seen);
}

/** The most keys of a group of any step within limits, whether there can be chunks, and the most entries of lists. */
export function gatherLimits(limits: Required<BatchLimits>, rule: GatherRule) {
  const { maxSequences } = limits;
  const ofSequence = mostKeysOfSequence(limits, rule);
  const ofSequences = Math.min(rule.maxKeys, maxSequences * ofSequence);
  const hasChunks = rule.hasChunks && ofSequence > rule.maxKeys;
  const chunks = hasChunks ? Math.ceil(ofSequence / rule.maxKeys) : 0;
  return {
    keys: hasChunks ? rule.maxKeys : Math.max(ofSequence, ofSequences),
    hasChunks,
    // A sequence stands, of each kind, in a group or in chunks. For each of these four lists have an entry, and the last may
    // have one more.
    listEntries: maxSequences * 5 * (2 + chunks),
  };
}
