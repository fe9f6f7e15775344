import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BlockPool } from "../../../lib/kv-cache/block-pool.js";
import { coded } from "../../support/coded.js";

const [NUM_BLOCKS, BLOCK_SIZE] = [12, 4];

/** What the pool should know, and a cache that holds one number per slot, written as the pool says. */
class Model {
  readonly sequences = new Map<number, number[]>();
  readonly slots = new Array<number>(NUM_BLOCKS * BLOCK_SIZE).fill(Number.NaN);
  #token = 0;

  newTokens(count: number): number[] {
    return Array.from({ length: count }, () => this.#token++);
  }
}

const blocksOf = (pool: BlockPool, id: number) => [...pool.batch([{ id, queryLength: 0 }]).blockTable[0]!];

/** What has to be true after every step. */
function checkPool({ sequences, slots }: Model, pool: BlockPool): void {
  const inUse = new Set<number>();
  for (const [id, tokens] of sequences) {
    expect(pool.length(id)).toBe(tokens.length);
    const blocks = blocksOf(pool, id);
    expect(blocks).toHaveLength(Math.ceil(tokens.length / BLOCK_SIZE));
    expect(new Set(blocks).size).toBe(blocks.length);
    for (const block of blocks) {
      expect(block >= 0 && block < NUM_BLOCKS).toBe(true);
      inUse.add(block);
    }
    const found = tokens.map(
      (_, i) => slots[blocks[Math.floor(i / BLOCK_SIZE)]! * BLOCK_SIZE + (i % BLOCK_SIZE)],
    );
    expect(found).toEqual(tokens); // nobody else has written there
  }
  expect(pool.freeBlocks).toBe(NUM_BLOCKS - inUse.size);
}

type Command = fc.Command<Model, BlockPool>;
const check = (name: string, run: (model: Model, pool: BlockPool) => void): Command => ({
  check: () => true,
  run(model, pool) {
    run(model, pool);
    checkPool(model, pool);
  },
  toString: () => name,
});

/** An operation on a sequence that is not there changes nothing. */
function refused(pool: BlockPool, run: () => void): void {
  const before = pool.freeBlocks;
  expect(run).toThrow(coded("ERR_INVALID_ARGUMENT"));
  expect(pool.freeBlocks).toBe(before);
}

const append = (id: number, count: number) =>
  check(`append(${id}, ${count})`, (model, pool) => {
    const tokens = model.sequences.get(id) ?? [];
    const blocks = tokens.length > 0 ? blocksOf(pool, id) : [];
    const last = blocks.at(-1);
    const others = [...model.sequences.keys()].filter((other) => other !== id);
    const shared = others.some((other) => last !== undefined && blocksOf(pool, other).includes(last));
    const copied = count > 0 && tokens.length % BLOCK_SIZE !== 0 && shared ? 1 : 0;
    const needed = Math.ceil((tokens.length + count) / BLOCK_SIZE) - blocks.length + copied;
    if (needed > pool.freeBlocks) {
      const free = pool.freeBlocks;
      expect(() => pool.append(id, count)).toThrow(
        coded(
          "ERR_OUT_OF_BLOCKS",
          `${count} more tokens`,
          `need ${needed} blocks`,
          `${free} of ${NUM_BLOCKS}`,
        ),
      );
      expect(pool.freeBlocks).toBe(free);
      if (!model.sequences.has(id)) refused(pool, () => pool.free(id)); // and no empty sequence is left
      return;
    }
    const copies = pool.append(id, count);
    expect(copies).toHaveLength(copied);
    for (const { from, to } of copies) {
      for (let i = 0; i < BLOCK_SIZE; i++)
        model.slots[to * BLOCK_SIZE + i] = model.slots[from * BLOCK_SIZE + i]!;
    }
    const added = model.newTokens(count);
    const now = count + tokens.length > 0 ? blocksOf(pool, id) : [];
    expect(now.slice(0, blocks.length - copied)).toEqual(blocks.slice(0, blocks.length - copied));
    for (const [i, token] of added.entries()) {
      const position = tokens.length + i;
      model.slots[now[Math.floor(position / BLOCK_SIZE)]! * BLOCK_SIZE + (position % BLOCK_SIZE)] = token;
    }
    model.sequences.set(id, [...tokens, ...added]);
  });

const truncate = (id: number, share: number) =>
  check(`truncate(${id}, ${share})`, (model, pool) => {
    const tokens = model.sequences.get(id);
    if (tokens === undefined) return refused(pool, () => pool.truncate(id, 0));
    refused(pool, () => pool.truncate(id, tokens.length + 1));
    const length = Math.floor(share * tokens.length);
    pool.truncate(id, length);
    model.sequences.set(id, tokens.slice(0, length));
  });

const free = (id: number) =>
  check(`free(${id})`, (model, pool) => {
    if (!model.sequences.delete(id)) return refused(pool, () => pool.free(id));
    pool.free(id);
    expect(pool.length(id)).toBe(0);
  });

const fork = (from: number, to: number) =>
  check(`fork(${from}, ${to})`, (model, pool) => {
    const tokens = model.sequences.get(from);
    if (tokens === undefined || model.sequences.has(to)) return refused(pool, () => pool.fork(from, to));
    pool.fork(from, to);
    model.sequences.set(to, tokens);
  });

const commit = (id: number) =>
  check(`commit(${id})`, (model, pool) => {
    const tokens = model.sequences.get(id);
    if (tokens === undefined) return refused(pool, () => pool.commit(id, []));
    pool.commit(id, tokens);
  });

/** Asks for the tokens that sequence `like` has, and some more. */
const match = (id: number, like: number) =>
  check(`match(${id}, ${like})`, (model, pool) => {
    const tokens = [...(model.sequences.get(like) ?? []), -1, -2];
    if (model.sequences.has(id)) return refused(pool, () => pool.match(id, tokens));
    const length = pool.match(id, tokens);
    expect(length % BLOCK_SIZE).toBe(0);
    model.sequences.set(id, tokens.slice(0, length)); // checkPool compares it with what the blocks hold
  });

describe("a block pool", () => {
  it("keeps every sequence's tokens, whatever the others do", () => {
    const id = fc.nat(4);
    const commands = fc.commands(
      [
        fc.tuple(id, fc.nat(2 * BLOCK_SIZE + 1)).map(([id, count]) => append(id, count)),
        fc.tuple(id, fc.double({ min: 0, max: 1, noNaN: true })).map(([id, share]) => truncate(id, share)),
        id.map(free),
        fc.tuple(id, id).map(([from, to]) => fork(from, to)),
        id.map(commit),
        fc.tuple(id, id).map(([id, like]) => match(id, like)),
      ],
      { maxCommands: 60, size: "max" },
    );
    fc.assert(
      fc.property(commands, (commands) => {
        const real = new BlockPool({ numBlocks: NUM_BLOCKS, blockSize: BLOCK_SIZE });
        fc.modelRun(() => ({ model: new Model(), real }), commands);
      }),
      { numRuns: 50 },
    );
  });

  it("hands out every block once, and again when it is free", () => {
    const pool = new BlockPool({ numBlocks: 5, blockSize: 16 });
    pool.append("a", 33);
    pool.append("b", 32);
    expect(pool.freeBlocks).toBe(0);
    expect(() => pool.append("a", 16)).toThrow(coded("ERR_OUT_OF_BLOCKS", "sequence a", "0 of 5"));
    expect(pool.append("a", 15)).toEqual([]); // its last block has room
    const rows = () =>
      pool.batch([
        { id: "a", queryLength: 1 },
        { id: "b", queryLength: 1 },
      ]).blockTable;
    expect(
      rows()
        .flatMap((row) => [...row])
        .sort(),
    ).toEqual([0, 1, 2, 3, 4]);
    const [, ofB] = rows();
    pool.free("b");
    pool.append("a", 32);
    expect(
      pool
        .batch([{ id: "a", queryLength: 1 }])
        .blockTable[0]!.slice(3)
        .sort(),
    ).toEqual(ofB!.sort());
  });

  it("describes a step: lengths, query tokens, blocks, in the order of its rows", () => {
    const pool = new BlockPool({ numBlocks: 8, blockSize: 16 });
    pool.append("long", 40);
    pool.append("short", 3);
    pool.append("empty", 0);
    const step = pool.batch([
      { id: "short", queryLength: 1 },
      { id: "empty", queryLength: 0 },
      { id: "long", queryLength: 40 },
    ]);
    expect([...step.queryStartLoc]).toEqual([0, 1, 1, 41]);
    expect([...step.seqLens]).toEqual([3, 0, 40]);
    expect(step.blockTable.map((row) => row.length)).toEqual([1, 0, 3]);
    expect(pool.batch([])).toEqual({
      queryStartLoc: Int32Array.of(0),
      seqLens: new Int32Array(),
      blockTable: [],
    });
  });

  it("finds a committed prefix again after its sequence has ended, all but the last token of what is asked", () => {
    const pool = new BlockPool({ numBlocks: 8, blockSize: 4 });
    const tokens = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    pool.append("a", 9);
    pool.commit("a", tokens);
    const blocks = [...pool.batch([{ id: "a", queryLength: 0 }]).blockTable[0]!];
    pool.free("a");
    expect(pool.freeBlocks).toBe(8);
    expect(pool.match("same", tokens)).toBe(8);
    expect([...pool.batch([{ id: "same", queryLength: 0 }]).blockTable[0]!]).toEqual(blocks.slice(0, 2));
    expect(pool.match("eight", tokens.slice(0, 8))).toBe(4);
    expect(pool.match("another end", [1, 2, 3, 4, 5, 0, 7, 8, 9])).toBe(4);
    expect(pool.match("another start", [0, 2, 3, 4, 5, 6, 7, 8, 9])).toBe(0);
    pool.append("b", 4);
    pool.commit("b", [4, 3, 2, 1]);
    expect(pool.match("the same block behind another", [4, 3, 2, 1, 5, 6, 7, 8, 9])).toBe(4);
  });

  it("does not find tokens that have been overwritten", () => {
    const pool = new BlockPool({ numBlocks: 4, blockSize: 4 });
    pool.append("a", 4);
    pool.commit("a", [1, 2, 3, 4]);
    pool.truncate("a", 3);
    expect(pool.match("b", [1, 2, 3, 4, 5])).toBe(4); // its contents are still there
    pool.free("b");
    pool.append("a", 1);
    expect(pool.match("b", [1, 2, 3, 4, 5])).toBe(0);
  });

  it("needs a block for the copy of a shared one", () => {
    const pool = new BlockPool({ numBlocks: 2, blockSize: 4 });
    pool.append("a", 6);
    pool.fork("a", "b");
    expect(() => pool.append("b", 1)).toThrow(coded("ERR_OUT_OF_BLOCKS", "need 1 blocks", "0 of 2"));
    expect(pool.length("b")).toBe(6);
    pool.free("a");
    expect(pool.append("b", 1)).toEqual([]);
  });

  it("gives up the prefix that was least recently used first", () => {
    const pool = new BlockPool({ numBlocks: 2, blockSize: 2 });
    for (const [id, tokens] of [
      ["a", [1, 2]],
      ["b", [3, 4]],
    ] as const) {
      pool.append(id, 2);
      pool.commit(id, tokens);
      pool.free(id);
    }
    pool.match("a again", [1, 2, 0]);
    pool.free("a again");
    pool.append("new", 2); // takes the block of [3, 4]
    expect(pool.match("b?", [3, 4, 0])).toBe(0);
    expect(pool.match("a?", [1, 2, 0])).toBe(2);
  });

  it("refuses what makes no sense, and stays as it was", () => {
    for (const numBlocks of [0, -1, 1.5, 2 ** 31, undefined as never]) {
      expect(() => new BlockPool({ numBlocks })).toThrow(coded("ERR_INVALID_ARGUMENT", "numBlocks"));
    }
    expect(() => new BlockPool({ numBlocks: 1, blockSize: 0 })).toThrow(
      coded("ERR_INVALID_ARGUMENT", "blockSize"),
    );
    expect(() => new BlockPool(undefined as never)).toThrow(coded("ERR_INVALID_ARGUMENT", "numBlocks"));
    const pool = new BlockPool({ numBlocks: 4 });
    pool.append("a", 20);
    const wrong: [() => unknown, string][] = [
      [() => pool.append("a", -1), "numTokens"],
      [() => pool.append("a", 0.5), "numTokens"],
      [() => pool.append(null as never, 1), "id"],
      [() => pool.truncate("a", 21), "length"],
      [() => pool.truncate("a", -1), "length"],
      [() => pool.truncate("b", 0), "id"],
      [() => pool.free("b"), "id"],
      [() => pool.fork("a", "a"), "to"],
      [() => pool.fork("b", "c"), "id"],
      [() => pool.commit("a", new Array(21).fill(0)), "tokenIds"],
      [() => pool.match("a", [1]), "id"],
      [() => pool.batch([{ id: "a", queryLength: 21 }]), "rows\\[0\\].queryLength"],
      [
        () =>
          pool.batch([
            { id: "a", queryLength: 1 },
            { id: "b", queryLength: 1 },
          ]),
        "id",
      ],
    ];
    for (const [run, argument] of wrong) expect(run).toThrow(coded("ERR_INVALID_ARGUMENT", argument));
    expect(pool.freeBlocks).toBe(2);
    expect(pool.length("a")).toBe(20);
  });
});
