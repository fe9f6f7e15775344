import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { type Batch, BlockPool, createBatch, type DType, type StepView, Tensor } from "../../../lib/index.js";
import { coded } from "../../support/coded.js";
import { openTestDevice } from "../../support/device.js";

const device = openTestDevice();
afterAll(() => device.close());

const LIMITS = { maxSequences: 4, maxTokens: 20, maxBlocksPerSequence: 3, blockSize: 4 };

/** What lies on the device: numbers, so that int64 compares like int32. */
async function contents(batch: Batch): Promise<Record<string, number[]>> {
  const read = async (pointer: bigint, length: number, dtype: DType) => {
    const options = { shape: [length], dtype, byteLength: length * (dtype === "int64" ? 8 : 4) };
    return Array.from(await Tensor.fromPointer(device, pointer, options).read(), Number);
  };
  const { maxSequences, maxTokens, maxBlocksPerSequence } = batch.limits;
  return {
    queryStartLoc: await read(batch.queryStartLocPointer, maxSequences + 1, "int32"),
    seqLens: await read(batch.seqLensPointer, maxSequences, "int32"),
    slotMapping: await read(batch.slotMappingPointer, maxTokens, "int64"),
    blockTable: await read(batch.blockTablePointer, maxSequences * maxBlocksPerSequence, "int32"),
  };
}

/** Sequences of a step: context and query tokens, within LIMITS (padding rows too), and blocks enough for them. */
const step = fc
  .array(fc.tuple(fc.nat(7), fc.constantFrom(0, 1, 1, 2, 5)), { maxLength: LIMITS.maxSequences })
  .chain((lengths) =>
    fc.record({
      lengths: fc.constant(lengths),
      typed: fc.boolean(),
      blockTable: fc.tuple(
        ...lengths.map(([context, query]) =>
          fc.array(fc.nat(2 ** 31 - 1), { minLength: Math.ceil((context + query) / 4), maxLength: 5 }),
        ),
      ),
    }),
  );

function shared(ids: number[]): Int32Array {
  const array = new Int32Array(new SharedArrayBuffer(4 * ids.length));
  array.set(ids);
  return array;
}

interface Drawn {
  lengths: [number, number][];
  typed: boolean;
  blockTable: number[][];
}

function update({ lengths, typed, blockTable }: Drawn) {
  const queryStartLoc = [0];
  for (const [, query] of lengths) queryStartLoc.push(queryStartLoc.at(-1)! + query);
  const seqLens = lengths.map(([context, query]) => context + query);
  return {
    queryStartLoc,
    seqLens,
    blockTable: typed ? blockTable.map((row) => Int32Array.from(row)) : blockTable,
  };
}

describe("a batch", () => {
  it("brings a ragged step to the device, with each new token's slot behind its context", async () => {
    using batch = createBatch(device, LIMITS);
    let version = 0;
    await fc.assert(
      fc.asyncProperty(step, async (drawn) => {
        const input = update(drawn);
        batch.update(input);
        const found = await contents(batch);
        const sequences = drawn.lengths.length;
        const slots = drawn.lengths.flatMap(([context, query], s) =>
          Array.from({ length: query }, (_, i) => {
            const position = context + i;
            return drawn.blockTable[s]![Math.floor(position / 4)]! * 4 + (position % 4);
          }),
        );
        expect(found.queryStartLoc!.slice(0, sequences + 1)).toEqual(input.queryStartLoc);
        expect(found.seqLens!.slice(0, sequences)).toEqual(input.seqLens);
        expect(found.slotMapping!.slice(0, slots.length)).toEqual(slots);
        for (const [s, length] of input.seqLens.entries()) {
          const used = Math.ceil(length / 4);
          expect(found.blockTable!.slice(3 * s, 3 * s + used)).toEqual(drawn.blockTable[s]!.slice(0, used));
        }
        const queries = drawn.lengths.map(([, query]) => query);
        const usedBlocks = drawn.blockTable.flatMap((row, s) =>
          row.slice(0, Math.ceil(input.seqLens[s]! / 4)),
        );
        expect(batch.step.shape).toEqual({
          sequences,
          tokens: slots.length,
          keyTokens: slots.length,
          maxQueryLen: Math.max(0, ...queries),
          maxSeqLen: Math.max(0, ...input.seqLens),
          decodes: queries.filter((query) => query === 1).length,
        });
        expect(batch.step.version).toBe(++version);
        expect([...batch.step.queryStartLoc]).toEqual(input.queryStartLoc);
        expect([...batch.step.seqLens]).toEqual(input.seqLens);
        expect([batch.highestBlock, batch.highestSlot]).toEqual([
          Math.max(-1, ...usedBlocks),
          Math.max(-1, ...slots),
        ]);
      }),
      { numRuns: 60 },
    );
  });

  it("takes slots, as Int32Array, BigInt64Array or numbers, -1 among them", async () => {
    using batch = createBatch(device, LIMITS);
    const input = { queryStartLoc: Int32Array.of(0, 3), seqLens: [3], blockTable: [[2]] };
    for (const slotMapping of [[9, -1, 7], Int32Array.of(9, -1, 7), BigInt64Array.of(9n, -1n, 7n)]) {
      batch.update({ ...input, slotMapping });
      expect((await contents(batch)).slotMapping!.slice(0, 3)).toEqual([9, -1, 7]);
      expect(batch.highestSlot).toBe(9);
    }
  });

  it.each([
    ["numbers", (ids: number[]) => ids],
    ["an Int32Array", (ids: number[]) => Int32Array.from(ids)],
    ["shared memory", shared],
  ])("refuses block ids that are none, in %s, and stays as it was", async (_, rowOf) => {
    using batch = createBatch(device, LIMITS);
    batch.update({ queryStartLoc: [0, 1], seqLens: [9], blockTable: [rowOf([3, 2, 1])] });
    const before = await contents(batch);
    const input = {
      queryStartLoc: [0, 1, 2],
      seqLens: [4, 9],
      blockTable: [rowOf([5, 0, 0]), rowOf([6, -1, 7])],
    };
    expect(() => batch.update(input)).toThrow(
      coded("ERR_INVALID_ARGUMENT", "blockTable\\[1\\]\\[1\\]", "-1"),
    );
    expect([await contents(batch), batch.highestBlock, batch.step.version]).toEqual([before, 3, 1]);
  });

  it("forgets the slots of a longer step, and is as right where its parts lie far apart", async () => {
    const limits = { maxSequences: 2, maxTokens: 9000, maxBlocksPerSequence: 600, blockSize: 16 };
    using batch = createBatch(device, limits);
    const blockTable = [Int32Array.from({ length: 600 }, (_, block) => 2 * block)];
    for (const tokens of [8000, 1]) {
      batch.update({ queryStartLoc: [0, tokens], seqLens: [8000], blockTable });
      const { slotMapping, blockTable: table } = await contents(batch);
      const slots = Array.from({ length: tokens }, (_, token) => {
        const position = 8000 - tokens + token;
        return 32 * (position >> 4) + (position & 15);
      });
      expect(slotMapping).toEqual([...slots, ...new Array(9000 - tokens).fill(-1)]);
      expect(table!.slice(0, 500)).toEqual([...blockTable[0]!.subarray(0, 500)]);
    }
  });

  it("keeps its addresses, and arrays may be reused after the call", async () => {
    using batch = createBatch(device, LIMITS);
    const seqLens = Int32Array.of(2);
    const before = batch.seqLensPointer;
    batch.update({ queryStartLoc: [0, 1], seqLens, blockTable: [[0]] });
    seqLens[0] = 99;
    expect((await contents(batch)).seqLens![0]).toBe(2);
    expect(batch.seqLensPointer).toBe(before);
  });

  it("for cross attention takes lengths of keys, and slots for those that a step brings", async () => {
    using batch = createBatch(device, { ...LIMITS, maxKeyTokens: 6 });
    const first = { queryStartLoc: [0, 3, 3], seqLens: [2, 4], blockTable: [[5], [7]] };
    batch.update({ ...first, keySlotMapping: [20, -1, 28, 29, 30] });
    const read = () =>
      Tensor.fromPointer(device, batch.slotMappingPointer, {
        ...{ shape: [6], dtype: "int64", byteLength: 48 },
      }).read();
    expect(Array.from(await read(), Number)).toEqual([20, -1, 28, 29, 30, -1]);
    expect(batch.step.shape).toMatchObject({ tokens: 3, keyTokens: 5, maxQueryLen: 3, maxSeqLen: 4 });
    expect(batch.highestSlot).toBe(30);
    batch.update({ ...first, seqLens: [2, 0] });
    expect(batch.step.shape).toMatchObject({ tokens: 3, keyTokens: 0, maxSeqLen: 2 });
    expect(Array.from(await read(), Number)).toEqual([-1, -1, -1, -1, -1, -1]);
    for (const [wrong, ...words] of [
      [{ slotMapping: [0, 1, 2] }, "keySlotMapping", "slotMapping"],
      [{ keySlotMapping: [0, 1, 2, 3, 4, 5, 6] }, "at most 6 slots", "keySlotMapping"],
      [{ keySlotMapping: ["1"] }, "integer", "keySlotMapping"],
      [{ seqLens: [2, 13] }, "from 0 to 4", "seqLens"],
    ] as [object, ...string[]][]) {
      expect(() => batch.update({ ...first, ...wrong })).toThrow(coded("ERR_INVALID_ARGUMENT", ...words));
    }
    expect(batch.step.version).toBe(2);
  });

  it("for encoders takes where sequences begin, and nothing else", () => {
    using batch = createBatch(device, { ...LIMITS, maxBlocksPerSequence: 0 });
    batch.update({ queryStartLoc: [0, 4, 4, 5] });
    expect(batch.step.shape).toEqual({
      ...{ sequences: 3, tokens: 5, keyTokens: 5, maxQueryLen: 4, maxSeqLen: 4, decodes: 1 },
    });
    expect([...batch.step.seqLens]).toEqual([4, 0, 1]);
    for (const [wrong, ...words] of [
      [{ queryStartLoc: [0, 1], seqLens: [1] }, "no blocks", "seqLens"],
      [{ queryStartLoc: [0, 1], blockTable: [[0]] }, "no blocks", "blockTable"],
      [{ queryStartLoc: [0, 1], slotMapping: [0] }, "no blocks", "slotMapping"],
      [{ queryStartLoc: [] }, "1 to 5 entries", "queryStartLoc"],
      [{ queryStartLoc: [0, 1, 2, 3, 4, 5] }, "1 to 5 entries", "queryStartLoc"],
      [{ queryStartLoc: [1, 2] }, "queryStartLoc\\[0\\]"],
      [{ queryStartLoc: [0, 21] }, "at most 20 tokens", "queryStartLoc"],
      [{}, "integers", "queryStartLoc"],
    ] as [object, ...string[]][]) {
      expect(() => batch.update(wrong as never)).toThrow(coded("ERR_INVALID_ARGUMENT", ...words));
    }
    expect(batch.step.version).toBe(1);
    expect(() => createBatch(device, { ...LIMITS, maxBlocksPerSequence: 0, maxKeyTokens: 1 })).toThrow(
      coded("ERR_INVALID_ARGUMENT", "without blocks", "maxKeyTokens"),
    );
  });

  it("takes what a pool says of a step", async () => {
    using batch = createBatch(device, LIMITS);
    const pool = new BlockPool({ numBlocks: 6, blockSize: 4 });
    pool.append("a", 9);
    pool.append("b", 2);
    batch.update(
      pool.batch([
        { id: "a", queryLength: 9 },
        { id: "b", queryLength: 1 },
      ]),
    );
    const { slotMapping } = await contents(batch);
    const [ofA, ofB] = pool.batch([
      { id: "a", queryLength: 0 },
      { id: "b", queryLength: 0 },
    ]).blockTable;
    const expected = Array.from({ length: 9 }, (_, i) => ofA![i >> 2]! * 4 + (i % 4));
    expect(slotMapping!.slice(0, 10)).toEqual([...expected, ofB![0]! * 4 + 1]);
  });
});

const literal = (text: string) => text.replace(/[[\]]/g, "\\$&");

describe("metadata that is derived from a batch's steps", () => {
  const first = { queryStartLoc: [0, 1], seqLens: [3], blockTable: [[7]] };
  const second = { queryStartLoc: [0, 2, 3], seqLens: [2, 9], blockTable: [[1], [2, 3, 4]] };
  const lengthsOf = ({ seqLens }: StepView, into: Uint8Array) => {
    new Int32Array(into.buffer, into.byteOffset, seqLens.length).set(seqLens);
    return 4 * seqLens.length;
  };
  const read = async (pointer: bigint, length: number) =>
    Array.from(await Tensor.fromPointer(device, pointer, int32(length)).read(), Number);
  const int32 = (length: number) => ({ shape: [length], dtype: "int32", byteLength: 4 * length }) as const;

  it("lies on the device from the start, at one address, and is disposed of with its memory", async () => {
    using batch = createBatch(device, LIMITS);
    const before = device.memory().byCategory.batch;
    batch.update(first);
    const derived = batch.derive({ bytes: 16, fill: lengthsOf });
    expect(await read(derived.pointer, 1)).toEqual([3]);
    batch.update(second);
    expect(await read(derived.pointer, 2)).toEqual([2, 9]);
    derived.dispose();
    batch.update(first);
    expect(device.memory().byCategory.batch).toBe(before);
  });

  it("comes in order: all checks, all fills, then the batch's own, then each derivation's", async () => {
    using batch = createBatch(device, LIMITS);
    const calls: string[] = [];
    for (const name of ["a", "b"]) {
      batch.derive({
        bytes: 16,
        check: ({ version }) => void calls.push(`check ${name} of ${version} at ${batch.step.version}`),
        fill: (step, into) => {
          calls.push(`fill ${name} at ${batch.step.version}`);
          return lengthsOf(step, into);
        },
        enqueue: ({ version }, pointer, stream) => {
          calls.push(`enqueue ${name} of ${version} at ${batch.step.version}`);
          expect(stream).toBe(device.defaultStream);
          expect(pointer).toBeTypeOf("bigint");
        },
      });
    }
    batch.update(first);
    expect(calls).toEqual([
      ...["check a of 1 at 0", "check b of 1 at 0", "fill a at 0", "fill b at 0"],
      ...["enqueue a of 1 at 1", "enqueue b of 1 at 1"],
    ]);
  });

  it.each(["check", "fill"] as const)("leaves the batch as it was where its %s throws", async (method) => {
    using batch = createBatch(device, LIMITS);
    const kept = batch.derive({ bytes: 16, fill: lengthsOf });
    batch.update(first);
    const refuse = (step: StepView) => {
      if (step.shape.sequences > 1) throw new Error("too many");
      return 0;
    };
    batch.derive({ bytes: 16, [method]: refuse });
    const [step, before] = [batch.step, await contents(batch)];
    expect(() => batch.update(second)).toThrow("too many");
    expect(batch.step).toBe(step);
    expect(await contents(batch)).toEqual(before);
    expect(await read(kept.pointer, 1)).toEqual([3]);
    batch.update(first);
  });

  it("must not fill more than it has asked for", () => {
    using batch = createBatch(device, LIMITS);
    batch.update(first);
    const before = device.memory().byCategory.batch;
    expect(() => batch.derive({ bytes: 16, fill: () => 17 })).toThrow(coded("ERR_INVALID_ARGUMENT", "fill"));
    expect(device.memory().byCategory.batch).toBe(before);
  });
});

describe("what a batch refuses", () => {
  const good = {
    queryStartLoc: [0, 2, 3],
    seqLens: [6, 5],
    blockTable: [
      [8, 9],
      [10, 11],
    ],
  };

  it.each<[string, Record<string, unknown>, string, ...string[]]>([
    ["no sequences at all", { seqLens: undefined }, "seqLens", "an array of integers", "undefined"],
    ["more sequences than declared", { seqLens: [1, 1, 1, 1, 1] }, "seqLens", "at most 4", "5"],
    ["too few boundaries", { queryStartLoc: [0, 2] }, "queryStartLoc", "3 entries", "2"],
    ["no boundaries", { queryStartLoc: null }, "queryStartLoc", "an array of integers", "null"],
    ["a table of other rows", { blockTable: [[8, 9]] }, "blockTable", "2 rows", "1"],
    ["no table", { blockTable: "ab" }, "blockTable", "2 rows", '"ab"'],
    ["a first boundary other than 0", { queryStartLoc: [1, 2, 3] }, "queryStartLoc[0]", "0", "1"],
    ["a negative boundary", { queryStartLoc: [0, -2, 3] }, "queryStartLoc[1]", "between 0", "-2"],
    ["decreasing boundaries", { queryStartLoc: [0, 2, 1] }, "queryStartLoc[2]", ">= 2", "1"],
    ["a boundary that is no integer", { queryStartLoc: [0, 1.5, 3] }, "queryStartLoc[1]", "between 0", "1.5"],
    ["NaN as boundary", { queryStartLoc: [0, Number.NaN, 3] }, "queryStartLoc[1]", "between 0", "NaN"],
    ["a bigint among boundaries", { queryStartLoc: [0, 2n, 3] }, "queryStartLoc[1]", "between 0", "2n"],
    [
      "boundaries with a gap",
      { queryStartLoc: Object.assign([0], { 2: 3 }) },
      "queryStartLoc[1]",
      "between 0",
      "undefined",
    ],
    [
      "more tokens than declared",
      {
        queryStartLoc: [0, 11, 21],
        seqLens: [11, 10],
        blockTable: [
          [1, 2, 3],
          [4, 5, 6],
        ],
      },
      "queryStartLoc",
      "at most 20",
      "21",
    ],
    ["a sequence shorter than its query", { seqLens: [1, 5] }, "seqLens[0]", "from 2", "1"],
    ["a sequence longer than its blocks", { seqLens: [6, 9] }, "seqLens[1]", "to 8 .*2 blocks", "9"],
    [
      "a sequence longer than a table row",
      {
        seqLens: [13, 5],
        blockTable: [
          [1, 2, 3, 4],
          [10, 11],
        ],
      },
      "seqLens[0]",
      "to 12",
      "13",
    ],
    ["a length that is no number", { seqLens: [6, "5"] }, "seqLens[1]", "an integer", '"5"'],
    ["lengths that are no list", { seqLens: { length: -1 } }, "seqLens", "an array of integers", "an object"],
    ["endless lengths", { seqLens: { length: Infinity } }, "seqLens", "an array of integers", "an object"],
    ["a row that is missing", { blockTable: [[8, 9], undefined] }, "blockTable[1]", "block ids", "undefined"],
    ["a row that is a text", { blockTable: [[8, 9], "ab"] }, "blockTable[1]", "block ids", '"ab"'],
    [
      "a negative block id",
      {
        blockTable: [
          [8, -1],
          [10, 11],
        ],
      },
      "blockTable[0][1]",
      "a block id",
      "-1",
    ],
    [
      "a block id beyond int32",
      {
        blockTable: [
          [8, 9],
          [10, 2 ** 31],
        ],
      },
      "blockTable[1][1]",
      "a block id",
      "2147483648",
    ],
    [
      "a block id that is no integer",
      {
        blockTable: [
          [8, 9],
          [0.5, 11],
        ],
      },
      "blockTable[1][0]",
      "a block id",
      "0.5",
    ],
    ["too few slots", { slotMapping: [1, 2] }, "slotMapping", "3 slots", "2"],
    ["slots that are no list", { slotMapping: null }, "slotMapping", "an array of integers", "null"],
    ["a slot that is null", { slotMapping: [1, null, 2] }, "slotMapping[1]", "an integer", "null"],
    ["a slot that is a text", { slotMapping: [1, "", 2] }, "slotMapping[1]", "an integer", '""'],
    ["a slot that is true", { slotMapping: [1, true, 2] }, "slotMapping[1]", "an integer", "true"],
    ["a slot that is a list", { slotMapping: [1, [0], 2] }, "slotMapping[1]", "an integer", "0"],
    ["a slot that is a symbol", { slotMapping: [1, Symbol("s"), 2] }, "slotMapping[1]", "an integer", "s"],
    ["a step of another block size", { blockSize: 16 }, "blockSize", "4, the batch's", "16"],
    ["an entry that there is not", { blockTables: [] }, "input", "only queryStartLoc", "blockTables"],
    ["a slot below -1", { slotMapping: [1, -2, 3] }, "slotMapping[1]", "between -1", "-2"],
    ["a slot that is no integer", { slotMapping: [1, 2, 0.5] }, "slotMapping[2]", "between -1", "0.5"],
    [
      "a slot beyond int32",
      { slotMapping: BigInt64Array.of(1n, 2n, 2n ** 31n) },
      "slotMapping[2]",
      "between -1",
      "2147483648",
    ],
  ])("%s, and nothing changes", async (_, change, argument, ...words) => {
    using batch = createBatch(device, LIMITS);
    batch.update({ queryStartLoc: [0, 1], seqLens: [3], blockTable: [[7]] });
    const [step, before] = [batch.step, await contents(batch)];
    expect(() => batch.update({ ...good, ...change } as never)).toThrow(
      coded("ERR_INVALID_ARGUMENT", ...words.slice(0, -1), literal(argument), ...words.slice(-1)),
    );
    expect(batch.step).toBe(step);
    expect(await contents(batch)).toEqual(before);
    batch.update(good);
  });

  it.each([
    ["maxSequences", 0],
    ["maxSequences", undefined],
    ["maxTokens", -1],
    ["maxTokens", 1.5],
    ["maxQueryLen", 0],
    ["maxQueryLen", null],
    ["maxQueryLength", 3],
    ["maxBlocksPerSequence", 2 ** 31],
    ["maxBlocksPerSequence", 2 ** 29],
    ["blockSize", 0],
    ["blockSize", "16"],
  ])("limits with %s = %s", (name, value) => {
    expect(() => createBatch(device, { ...LIMITS, [name]: value } as never)).toThrow(
      coded("ERR_INVALID_ARGUMENT", name),
    );
  });

  it("missing limits, a missing step, another device's stream, use after dispose()", async () => {
    expect(() => createBatch(device, undefined as never)).toThrow(
      coded("ERR_INVALID_ARGUMENT", "maxSequences"),
    );
    const batch = createBatch(device, LIMITS);
    expect(() => batch.update(undefined as never)).toThrow(coded("ERR_INVALID_ARGUMENT", "input"));
    await using other = openTestDevice();
    expect(() => batch.update(good, { stream: other.defaultStream })).toThrow(
      coded("ERR_INVALID_ARGUMENT", "stream", "another device"),
    );
    batch.dispose();
    batch.dispose();
    expect(batch.disposed).toBe(true);
    expect(() => batch.update(good)).toThrow(coded("ERR_DISPOSED"));
  });

  it("longer rows than maxQueryLen, and steps while its stream is captured", () => {
    using batch = createBatch(device, { ...LIMITS, maxQueryLen: 1 });
    expect(batch.largestShape).toMatchObject({ tokens: 20, maxQueryLen: 1, maxSeqLen: 12, decodes: 4 });
    expect(() => batch.update(good)).toThrow(coded("ERR_INVALID_ARGUMENT", "at most 1 tokens", "2"));
    const decodes = { ...good, queryStartLoc: [0, 1, 2] };
    batch.update(decodes);
    using stream = device.createStream();
    stream.beginCapture();
    expect(() => batch.update(decodes, { stream })).toThrow(coded("ERR_INVALID_ARGUMENT", "not captured"));
    stream.endCapture().dispose();
    expect(batch.step.version).toBe(1);
  });

  it("a stream where options belong, and unknown options", () => {
    using batch = createBatch(device, LIMITS);
    for (const options of [device.defaultStream, null, 5, { steam: device.defaultStream }]) {
      expect(() => batch.update(good, options as never)).toThrow(coded("ERR_INVALID_ARGUMENT", "options"));
    }
  });

  it("more than the device's memory", async () => {
    await expect.poll(() => device.memory().reserved).toBe(0); // of earlier tests
    const before = device.memory();
    const huge = { maxSequences: 2 ** 20, maxTokens: 1, maxBlocksPerSequence: 2 ** 16 };
    expect(() => createBatch(device, huge)).toThrow(coded("ERR_OUT_OF_MEMORY"));
    expect(device.memory()).toEqual(before);
  });
});
