import type { StepView } from "../batch/step.js";

/** Neighbouring sequences whose keys and values are gathered at once. */
export interface GatherGroup {
  readonly first: number;
  readonly sequences: number;
  /** Keys of all of them. */
  readonly rows: number;
  /** Where the group's row starts begin in `GatherPlan.rowStarts`. */
  readonly startsAt: number;
}

/** How the keys that a step's long sequences look at are gathered, group by group. */
export interface GatherPlan {
  readonly groups: readonly GatherGroup[];
  /** By sequence: query tokens, 0 where it is left out; the first position that is looked at, and the positions from there. */
  readonly queryLens: Int32Array;
  readonly starts: Int32Array;
  readonly keyLens: Int32Array;
  /** Of each group: the row of each of its sequences' first position, and behind the last the number of rows. */
  readonly rowStarts: Int32Array;
}

/** The sequences to gather, and how far. */
export interface GatherRule {
  /** A sequence with so many query tokens, of so many keys, takes part. */
  takes(queryLen: number, seqLen: number): boolean;
  /** Keys that a query sees, itself included; null: all. */
  readonly slidingWindow: number | null;
  /** Keys of a group at most. */
  readonly maxRows: number;
}

/** Packs a step's sequences, in their order, into groups of at most `maxRows` keys. A sequence of more has a group of its own. */
export function planGather({ shape, queryStartLoc, seqLens }: StepView, rule: GatherRule): GatherPlan {
  const { sequences } = shape;
  const [queryLens, starts, keyLens] = [0, 0, 0].map(() => new Int32Array(sequences)) as [
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  const rowStarts: number[] = [];
  const groups: GatherGroup[] = [];
  let group: { first: number; rows: number; startsAt: number } | null = null;
  const close = (end: number) => {
    if (group === null) return;
    rowStarts.push(group.rows);
    if (group.rows > 0) groups.push({ ...group, sequences: end - group.first });
    group = null;
  };
  for (let s = 0; s < sequences; s++) {
    const queryLen = queryStartLoc[s + 1]! - queryStartLoc[s]!;
    if (rule.takes(queryLen, seqLens[s]!)) {
      queryLens[s] = queryLen;
      const seen = rule.slidingWindow === null ? seqLens[s]! : queryLen + rule.slidingWindow - 1;
      starts[s] = Math.max(0, seqLens[s]! - seen);
      keyLens[s] = seqLens[s]! - starts[s]!;
    }
    if (group !== null && group.rows + keyLens[s]! > rule.maxRows) close(s);
    group ??= { first: s, rows: 0, startsAt: rowStarts.length };
    rowStarts.push(group.rows);
    group.rows += keyLens[s]!;
  }
  close(sequences);
  return { groups, queryLens, starts, keyLens, rowStarts: Int32Array.from(rowStarts) };
}
