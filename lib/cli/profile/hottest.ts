import type { InstructionClass, LaunchCounters, ProfileRow } from "../../device/emulator.js";

/** An instruction with the clocks for which it kept the unit busy that it needs longest. */
export interface HotRow extends ProfileRow {
  readonly busy: number;
  /** `busy` as a share of the launch's. */
  readonly share: number;
}

const ISSUE_CLOCKS = 4;
const LINE_CLOCKS = 2;

/**
 * The instructions of a launch in the order of their addresses, weighed: an instruction keeps its SIMD's issue, its ALU, LDS
 * or the L1 cache (128-byte lines at 64 bytes a clock) busy, and the longest of them counts.
 */
export function weighed(launch: LaunchCounters): HotRow[] {
  const rows = (launch.profile ?? []).map((row) => ({
    ...row,
    busy: Math.max(row.clocks, row.ldsClocks, LINE_CLOCKS * row.lines, ISSUE_CLOCKS * row.executed),
  }));
  const total = rows.reduce((sum, { busy }) => sum + busy, 0);
  return rows.map((row) => ({ ...row, share: row.busy / total }));
}

/** Consecutive instructions that were executed equally often: a loop's body, or the straight code around it. */
export interface HotBlock {
  readonly rows: readonly HotRow[];
  readonly executed: number;
  readonly share: number;
}

/** The blocks of a launch's instructions, by address. */
export function blocksOf(rows: readonly HotRow[]): HotBlock[] {
  const blocks: HotRow[][] = [];
  for (const row of rows) {
    const last = blocks.at(-1);
    if (last?.[0]?.executed === row.executed) last.push(row);
    else blocks.push([row]);
  }
  return blocks.map((members) => ({
    rows: members,
    executed: members[0]!.executed,
    share: sumOf(members),
  }));
}

/** The instructions of a block that do the same: an unrolled loop has many, of equal weight. */
export interface HotGroup extends HotBlock {
  /** Their mnemonic. */
  readonly operation: string;
  readonly class: InstructionClass;
}

/** The groups of a block, heaviest first. */
export function groupsOf({ rows, executed }: HotBlock): HotGroup[] {
  const groups = new Map<string, HotRow[]>();
  for (const row of rows) {
    const operation = row.text.split(" ", 1)[0]!;
    groups.set(operation, [...(groups.get(operation) ?? []), row]);
  }
  return [...groups]
    .map(([operation, members]) => ({
      rows: members,
      executed,
      operation,
      class: members[0]!.class,
      share: sumOf(members),
    }))
    .sort(heaviestFirst);
}

/** The `count` heaviest groups of a launch's instructions, heaviest first. */
export function hottest(rows: readonly HotRow[], count: number): HotGroup[] {
  return blocksOf(rows).flatMap(groupsOf).sort(heaviestFirst).slice(0, count);
}

const sumOf = (rows: readonly HotRow[]) => rows.reduce((sum, { share }) => sum + share, 0);
const heaviestFirst = (a: HotBlock, b: HotBlock) => b.share - a.share || a.rows[0]!.pc - b.rows[0]!.pc;
