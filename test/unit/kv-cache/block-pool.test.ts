import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BlockPool } from "../../../lib/kv-cache/block-pool.js";
import { tryAnyArguments } from "../../support/any-arguments.js";
import { coded } from "../../support/coded.js";

const [NUM_BLOCKS, BLOCK_SIZE] = [12, 4];

interface Sequence {
  readonly tokens: readonly number[];
  /** How many of them have been written to the cache. */
  readonly written: number;
}

/** What the pool should know, and a cache that holds one number per slot, copied and written as the pool says. */
class Model {
  readonly sequences = new Map<number, Sequence>();
  readonly slots = new Array<number>(NUM_BLOCKS * BLOCK_SIZE).fill(Number.NaN);
  #token = 0;

  newTokens(count: number): number[] {
    return Array.from({ length: count }, () => this.#token++);
  }

  /** Runs the pending copies, then the step of some sequences: each writes what it has not written. */
  step(pool: BlockPool, ids: number[]): void {
    const rows = ids.map((id) => {
      const { tokens, written } = this.sequences.get(id)!;
      return { id, queryLength: tokens.length - written };
    });
    const copies = pool.takeCopies();
    for (const { from, to } of copies) {
      for (let i = 0; i < BLOCK_SIZE; i++)
        this.slots[to * BLOCK_SIZE + i] = this.slots[from * BLOCK_SIZE + i]!;
    }
    const { blockTable, queryStartLoc, seqLens } = pool.batch(rows);
    for (const [row, id] of ids.entries()) {
      const { tokens, written } = this.sequences.get(id)!;
      expect(queryStartLoc[row + 1]! - queryStartLoc[row]!).toBe(tokens.length - written);
      expect(seqLens[row]).toBe(tokens.length);
      for (let at = written; at < tokens.length; at++) this.slots[slotOf(blockTable[row]!, at)] = tokens[at]!;
      this.sequences.set(id, { tokens, written: tokens.length });
    }
  }
}

const slotOf = (blocks: Int32Array, position: number) =>
  blocks[Math.floor(position / BLOCK_SIZE)]! * BLOCK_SIZE + (position % BLOCK_SIZE);

const blocksOf = (pool: BlockPool, id: number | string) =>
  pool.batch([{ id, queryLength: 0 }]).blockTable[0]!;

/** What has to be true after a step. */
function checkPool({ sequences, slots }: Model, pool: BlockPool): void {
  const inUse = new Set<number>();
  for (const [id, { tokens, written }] of sequences) {
    const blocks = blocksOf(pool, id);
    expect(blocks).toHaveLength(Math.ceil(tokens.length / BLOCK_SIZE));
    expect(new Set(blocks).size).toBe(blocks.length);
    for (const block of blocks) {
      expect(block >= 0 && block < NUM_BLOCKS).toBe(true);
      inUse.add(block);
    }
    const found = Array.from({ length: written }, (_, at) => slots[slotOf(blocks, at)]);
    expect(found).toEqual(tokens.slice(0, written)); // nobody else has written there
  }
  expect(pool.freeBlocks).toBe(NUM_BLOCKS - inUse.size);
}

type Command = fc.Command<Model, BlockPool>;
const check = (name: string, run: (model: Model, pool: BlockPool) => void): Command => ({
  check: () => true,
  run(model, pool) {
    run(model, pool);
    for (const [id, { tokens }] of model.sequences) expect(pool.length(id)).toBe(tokens.length);
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
    const { tokens, written } = model.sequences.get(id) ?? { tokens: [], written: 0 };
    const added = Math.ceil((tokens.length + count) / BLOCK_SIZE) - Math.ceil(tokens.length / BLOCK_SIZE);
    const free = pool.freeBlocks;
    try {
      expect(pool.append(id, count)).toBeUndefined();
    } catch (error) {
      // One more for the copy of a shared block, which only the pool knows of.
      expect(added + 1).toBeGreaterThan(free);
      const room = `${free} of ${NUM_BLOCKS}`;
      expect(error).toEqual(
        coded("ERR_OUT_OF_BLOCKS", `${count} more tokens`, `need ${added}|${added + 1}`, room),
      );
      expect(pool.freeBlocks).toBe(free);
      if (!model.sequences.has(id)) refused(pool, () => pool.free(id)); // and no empty sequence is left
      return;
    }
    model.sequences.set(id, { tokens: [...tokens, ...model.newTokens(count)], written });
  });

const truncate = (id: number, share: number) =>
  check(`truncate(${id}, ${share})`, (model, pool) => {
    const sequence = model.sequences.get(id);
    if (sequence === undefined) return refused(pool, () => pool.truncate(id, 0));
    const { tokens, written } = sequence;
    refused(pool, () => pool.truncate(id, tokens.length + 1));
    const length = Math.floor(share * tokens.length);
    pool.truncate(id, length);
    model.sequences.set(id, { tokens: tokens.slice(0, length), written: Math.min(written, length) });
  });

const free = (id: number) =>
  check(`free(${id})`, (model, pool) => {
    if (!model.sequences.delete(id)) return refused(pool, () => pool.free(id));
    pool.free(id);
    expect(pool.length(id)).toBe(0);
  });

const fork = (from: number, to: number) =>
  check(`fork(${from}, ${to})`, (model, pool) => {
    const source = model.sequences.get(from);
    if (source === undefined || model.sequences.has(to)) return refused(pool, () => pool.fork(from, to));
    pool.fork(from, to);
    model.sequences.set(to, source);
  });

/** Forks a sequence and lets the fork grow at once, so that copies follow each other within one step. */
const branch = (from: number, to: number) =>
  check(`branch(${from}, ${to})`, (model, pool) => {
    fork(from, to).run(model, pool);
    if (model.sequences.has(to)) append(to, 1).run(model, pool);
  });

const commit = (id: number, share: number) =>
  check(`commit(${id}, ${share})`, (model, pool) => {
    const sequence = model.sequences.get(id);
    if (sequence === undefined) return refused(pool, () => pool.commit(id, []));
    pool.commit(id, sequence.tokens.slice(0, Math.ceil(share * sequence.written)));
  });

/** Asks for the tokens that sequence `like` has, and some more. */
const match = (id: number, like: number) =>
  check(`match(${id}, ${like})`, (model, pool) => {
    const tokens = [...(model.sequences.get(like)?.tokens ?? []), -1, -2];
    if (model.sequences.has(id)) return refused(pool, () => pool.match(id, tokens));
    const length = pool.match(id, tokens);
    expect(length % BLOCK_SIZE).toBe(0);
    model.sequences.set(id, { tokens: tokens.slice(0, length), written: length }); // checkPool looks into the blocks
  });

const step = (share: number) =>
  check(`step(${share})`, (model, pool) => {
    const ids = [...model.sequences.keys()];
    model.step(pool, ids.slice(0, Math.ceil(share * ids.length)));
    checkPool(model, pool);
  });

describe("a block pool", () => {
  it("keeps every sequence's tokens, whatever the others do before their step and its copies", () => {
    const id = fc.nat(4);
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const commands = fc.commands(
      [
        fc.tuple(id, fc.nat(2 * BLOCK_SIZE + 1)).map(([id, count]) => append(id, count)),
        fc.tuple(id, fc.nat(2)).map(([id, count]) => append(id, count)),
        fc.tuple(id, share).map(([id, share]) => truncate(id, share)),
        id.map(free),
        fc.tuple(id, id).map(([from, to]) => fork(from, to)),
        fc.tuple(id, id).map(([from, to]) => branch(from, to)),
        fc.tuple(id, share).map(([id, share]) => commit(id, share)),
        fc.tuple(id, id).map(([id, like]) => match(id, like)),
        share.map(step),
        fc.constant(step(1)),
      ],
      { maxCommands: 80, size: "max" },
    );
    fc.assert(
      fc.property(commands, (commands) => {
        const real = new BlockPool({ numBlocks: NUM_BLOCKS, blockSize: BLOCK_SIZE });
        const model = new Model();
        fc.modelRun(() => ({ model, real }), commands);
        model.step(real, [...model.sequences.keys()]);
        checkPool(model, real);
      }),
      { numRuns: 200 },
    );
  });

  it("hands out every block once, and again when it is free", () => {
    const pool = new BlockPool({ numBlocks: 5, blockSize: 16 });
    pool.append("a", 33);
    pool.append("b", 32);
    expect(pool.freeBlocks).toBe(0);
    expect(() => pool.append("a", 16)).toThrow(coded("ERR_OUT_OF_BLOCKS", "sequence a", "0 of 5"));
    pool.append("a", 15); // its last block has room
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
    expect(step.blockSize).toBe(16);
    expect(pool.batch([])).toEqual({
      blockSize: 16,
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
    pool.append("b", 1);
    expect(pool.takeCopies()).toEqual([]);
  });

  it("refuses a step while copies are pending, and hands each out once, in order", () => {
    const pool = new BlockPool({ numBlocks: 8, blockSize: 4 });
    const rows = [{ id: "b", queryLength: 1 }];
    pool.append("a", 6);
    const [, shared] = blocksOf(pool, "a");
    pool.fork("a", "b");
    pool.append("b", 1);
    pool.fork("b", "c");
    pool.append("c", 1); // copies the copy
    expect(() => pool.batch(rows)).toThrow(coded("ERR_INVALID_ARGUMENT", "2 copies", "takeCopies"));
    const copies = pool.takeCopies();
    expect(copies).toEqual([
      { from: shared, to: blocksOf(pool, "b")[1] },
      { from: blocksOf(pool, "b")[1], to: blocksOf(pool, "c")[1] },
    ]);
    expect(pool.takeCopies()).toEqual([]);
    expect(pool.batch(rows).seqLens).toEqual(Int32Array.of(7));
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
      [() => pool.commit("a", ["a", "b"] as never), "tokenIds\\[0\\]"],
      [() => pool.match("a", [1]), "id"],
      [() => pool.length(Symbol("a") as never), "id"],
      [() => pool.append(Number.NaN, 1), "id"],
      [() => pool.append("a", 2 ** 31), "numTokens"],
      [() => pool.batch("a" as never), "rows"],
      [() => pool.batch([null] as never), "rows\\[0\\]"],
      [() => pool.batch(new Array(2 ** 32 - 1)), "rows\\[0\\].id"],
      [() => pool.batch([{ id: "a", queryLength: 1, length: 1 } as never]), "rows\\[0\\]"],
      [() => pool.batch([1, 2].map((queryLength) => ({ id: "a", queryLength }))), "each sequence once"],
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

  it.each<[string, unknown]>([
    ["words", ["the", "cat"]],
    ["null", [null, 1]],
    ["NaN", [Number.NaN]],
    ["fractions", [1.5]],
    ["floats", Float32Array.of(1)],
    ["bigints of more than 64 bits", [2n ** 64n]],
    ["gaps", new Array(3)],
    ["an endless length", { length: Number.POSITIVE_INFINITY }],
    ["a vast length", { length: 2 ** 40 }],
    ["a string", "abc"],
  ])("refuses %s as token ids", (_, tokens) => {
    const pool = new BlockPool({ numBlocks: 4, blockSize: 2 });
    pool.append("a", 3);
    expect(() => pool.match("b", tokens as never)).toThrow(coded("ERR_INVALID_ARGUMENT", "tokenIds"));
    expect(() => pool.commit("a", tokens as never)).toThrow(coded("ERR_INVALID_ARGUMENT", "tokenIds"));
    expect(pool.freeBlocks).toBe(2);
  });

  it("takes token ids as numbers or bigints, in arrays of any kind and realm, and tells all apart", () => {
    const pool = new BlockPool({ numBlocks: 64, blockSize: 2 });
    const big = 2n ** 60n;
    const prompts = [
      [1, 2],
      [1, 3],
      [0, -1],
      [2 ** 53 - 1, 0],
      [big, 0n],
      [big + 1n, 0n],
      [2n ** 64n - 1n, 5n],
    ];
    for (const [index, prompt] of prompts.entries()) {
      pool.append(index, 2);
      pool.commit(index, prompt);
      expect(prompts.filter((other, i) => pool.match(`${index} ${i}`, [...other, 0]) > 0)).toEqual(
        prompts.slice(0, index + 1),
      );
      for (const i of prompts.keys()) pool.free(`${index} ${i}`);
    }
    const typed = [Int32Array.of(1, 2, 0), BigInt64Array.of(1n, 2n, 0n), BigUint64Array.of(1n, 2n, 0n)];
    for (const tokens of [...typed, [1n, 2, -0], runInNewContext("[1, 2n, 3]")]) {
      expect(pool.match("again", tokens)).toBe(2);
      pool.free("again");
    }
    expect(pool.match("zero", [-0, -1, 0])).toBe(2);
  });

  it("goes on with a commit where the last one ended", () => {
    const pool = new BlockPool({ numBlocks: 8, blockSize: 2 });
    pool.append("a", 6);
    pool.commit("a", [1, 2]);
    const looked: PropertyKey[] = [];
    const tokens = new Proxy([1, 2, 3, 4, 5, 6], {
      get(target, key) {
        looked.push(key);
        return Reflect.get(target, key);
      },
    });
    pool.commit("a", tokens);
    expect(looked).not.toContain("0");
    expect(looked).toContain("5");
    expect(pool.match("b", [1, 2, 3, 4, 5, 6, 7])).toBe(6);
    pool.free("b");
    pool.truncate("a", 3);
    pool.append("a", 3);
    pool.commit("a", [1, 2, 3, 9, 8, 7]);
    expect(pool.match("b", [1, 2, 3, 9, 8, 7, 0])).toBe(6);
    expect(pool.match("c", [1, 2, 3, 4, 5, 6, 7])).toBe(2);
    for (const id of ["b", "c"]) pool.free(id);
    pool.truncate("a", 2);
    pool.fork("a", "b"); // each goes on for itself
    for (const [id, token] of [
      ["a", 5],
      ["b", 6],
    ] as const) {
      pool.append(id, 2);
      pool.commit(id, [1, 2, token, token]);
      expect(pool.match("c", [1, 2, token, token, 0])).toBe(4);
      pool.free("c");
    }
  });

  it("costs nothing for blocks that were never used, and absurd sizes fail at once", () => {
    const pool = new BlockPool({ numBlocks: 2 ** 31 - 1, blockSize: 1 });
    expect(pool.freeBlocks).toBe(2 ** 31 - 1);
    pool.append("a", 100);
    expect(() => pool.append("a", 2 ** 31 - 101)).toThrow(coded("ERR_OUT_OF_MEMORY", "block ids"));
    expect(() => pool.append("b", 2 ** 30)).toThrow(coded("ERR_OUT_OF_MEMORY"));
    expect(() => pool.append("a", 2 ** 40)).toThrow(coded("ERR_INVALID_ARGUMENT", "numTokens"));
    expect([pool.freeBlocks, pool.length("a"), pool.length("b")]).toEqual([2 ** 31 - 101, 100, 0]);
    const small = new BlockPool({ numBlocks: 10, blockSize: 1 });
    expect(() => small.append("a", 2 ** 31 - 1)).toThrow(coded("ERR_OUT_OF_BLOCKS"));
  });

  it("answers any arguments rightly or with a coded error", async () => {
    const pool = new BlockPool({ numBlocks: 50, blockSize: 4 });
    pool.append("a", 30);
    await tryAnyArguments([
      ["new", (options) => new BlockPool(options), { numBlocks: 50, blockSize: 4 }],
      ["append", pool.append.bind(pool), "a", 1],
      ["fork", (from, to) => [pool.fork(from, to), pool.free(to)], "a", "b"],
      ["truncate", pool.truncate.bind(pool), "a", 8],
      ["match", (id, tokens) => [pool.match(id, tokens), pool.free(id)], "c", [1, 2, 3, 4, 5]],
      ["commit", pool.commit.bind(pool), "a", [1n, 2n, 3n, 4n]],
      ["batch", pool.batch.bind(pool), [{ id: "a", queryLength: 1 }]],
      ["length", pool.length.bind(pool), "a"],
    ]);
  });
});
