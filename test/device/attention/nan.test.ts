import { afterAll, describe, expect, it } from "vitest";
import { BlockPool, createAttention, createBatch } from "../../../lib/index.js";
import { BACKENDS, takes } from "../../support/backends.js";
import { openTestDevice } from "../../support/device.js";
import { PagedCase } from "../../support/paged-case.js";
import { batchInput, pagedData } from "../../support/paged-data.js";
import { isAccurate, type Lengths, Random, round, rowErrors } from "../../support/reference.js";

// A NaN that belongs to a sequence must not be rounded, masked or divided away, whatever its payload.

const device = openTestDevice();
afterAll(() => device.close());

const [numHeads, numKvHeads, headSize] = [4, 2, 128];
const PATTERNS = {
  bfloat16: [0x7fc0, 0xffc0, 0x7f81, 0x7fff, 0xffff],
  float16: [0x7e00, 0xfe00, 0x7c01, 0x7fff, 0xffff],
} as const;

/** Attends for `queryLength` tokens at the end of `length`, of which one element of query or value is a NaN. */
async function attendWith(
  dtype: keyof typeof PATTERNS,
  { length, queryLength }: { length: number; queryLength: number },
  nan: { query?: number; value?: number; bits: number },
  backend: string,
): Promise<Float32Array> {
  const attention = createAttention(device, { numHeads, numKvHeads, headSize, dtype, backend });
  const numBlocks = Math.ceil(length / 16);
  const cache = attention.createKvCache({ numBlocks });
  const batch = createBatch(device, { maxSequences: 1, maxTokens: length, maxBlocksPerSequence: numBlocks });
  const pool = new BlockPool({ numBlocks, blockSize: 16 });
  const upload = async (seed: number, heads: number, at?: number) => {
    const bits = round(dtype, new Random(seed).normals(length * heads * headSize)).bits as Uint16Array;
    if (at !== undefined) bits[at] = nan.bits;
    return device.upload(bits, { shape: [length, heads, headSize], dtype });
  };
  const [query, key, value] = await Promise.all([
    upload(1, numHeads, nan.query),
    upload(2, numKvHeads),
    upload(3, numKvHeads, nan.value),
  ]);
  let output = device.empty([0, numHeads, headSize], dtype);
  for (const [from, to] of [
    [0, length - queryLength],
    [length - queryLength, length],
  ] as const) {
    if (from === to) continue;
    pool.append("sequence", to - from);
    batch.update(pool.batch([{ id: "sequence", queryLength: to - from }]));
    const rows = (tensor: typeof query, heads: number) =>
      tensor.view({ shape: [to - from, heads, headSize], byteOffset: 2 * from * heads * headSize });
    output = device.empty([to - from, numHeads, headSize], dtype);
    attention.forward({
      ...{ query: rows(query, numHeads), key: rows(key, numKvHeads), value: rows(value, numKvHeads) },
      ...{ output, cache: cache.layer(0), batch },
    });
  }
  return output.readFloat32();
}

/** Where the NaN are: [row of token and head, element]. */
function places(output: Float32Array): string[] {
  return [...output.entries()]
    .filter(([, value]) => Number.isNaN(value))
    .map(([i]) => `${Math.floor(i / headSize)}:${i % headSize}`);
}

const CASES = BACKENDS.flatMap(({ backend }) =>
  Object.entries(PATTERNS).flatMap(([dtype, patterns]) => patterns.map((bits) => [backend, dtype, bits])),
) as [string, keyof typeof PATTERNS, number][];

describe.each(CASES)("%s: a NaN in %s, bits %i,", (backend, type, bits) => {
  const steps = { prefill: { length: 40, queryLength: 40 }, decode: { length: 300, queryLength: 1 } };

  it.each(["prefill", "decode"] as const)(
    "reaches the row of its query in %s, and no other",
    async (step) => {
      const { length, queryLength } = steps[step];
      const [token, head] = [length - 1, 2];
      const query = (token * numHeads + head) * headSize + 7;
      const row = (queryLength - 1) * numHeads + head;
      const expected = Array.from({ length: headSize }, (_, i) => `${row}:${i}`);
      expect(places(await attendWith(type, steps[step], { query, bits }, backend))).toEqual(expected);
    },
  );

  it.each(["prefill", "decode"] as const)(
    "reaches the element of its value in %s, and no other",
    async (step) => {
      // The first token's, which all others see.
      const value = headSize + 11;
      const tokens = Array.from({ length: steps[step].queryLength }, (_, token) => token);
      const expected = tokens.flatMap((token) => [2, 3].map((head) => `${token * numHeads + head}:11`));
      expect(places(await attendWith(type, steps[step], { value, bits }, backend))).toEqual(expected);
    },
  );
});

describe.each(BACKENDS)("a NaN or an infinity in values of one sequence, on $backend,", ({ backend }) => {
  it.each([0x7fc0, 0x7f80, 0xff80])("never reaches another (bits %i)", async (bits) => {
    const lengths: Lengths = [
      [40, 12],
      [270, 1],
      [5, 3],
    ];
    const shape = { numHeads, numKvHeads, headSize, blockSize: 16 };
    const data = pagedData({ shape, dtype: "bfloat16", lengths, seed: 8 });
    using attention = createAttention(device, { ...shape, dtype: "bfloat16", backend });
    using batch = createBatch(device, { maxSequences: 3, maxTokens: 16, maxBlocksPerSequence: 17 });
    batch.update({ ...batchInput(lengths), blockTable: data.blockTable });
    const { layout } = BACKENDS.find((under) => under.backend === backend)!;
    const run = async (poisoned: boolean) => {
      using cache = attention.createKvCache({ numBlocks: data.numBlocks });
      await cache.memory(0).write(data.image(layout));
      const upload = (values: Float64Array, heads: number, poison = false) => {
        const rows = round("bfloat16", values).bits as Uint16Array;
        // All values of the first sequence's new tokens.
        if (poison) rows.fill(bits, 0, 12 * heads * headSize);
        return device.upload(rows, { shape: [16, heads, headSize], dtype: "bfloat16" });
      };
      const output = device.empty([16, numHeads, headSize], "bfloat16");
      attention.forward({
        query: await upload(data.step.query, numHeads),
        key: await upload(data.newKeys, numKvHeads),
        value: await upload(data.newValues, numKvHeads, poisoned),
        ...{ output, cache: cache.layer(0), batch },
      });
      return (await output.read()) as Uint16Array;
    };
    const [clean, poisoned] = [await run(false), await run(true)];
    const others = 12 * numHeads * headSize;
    expect(poisoned.subarray(others)).toEqual(clean.subarray(others));
    expect(poisoned.subarray(0, others)).not.toEqual(clean.subarray(0, others));
  });
});

describe.each(BACKENDS)("NaN in the heads on either side of $backend's", (under) => {
  const lengths: Lengths = [
    [260, 1],
    [35, 20],
    [3, 2],
  ];

  const sizes = [40, 64, 72, 80, 96, 104, 112, 192, 256].filter((size) => takes(under, "bfloat16", size));
  it.each(sizes)("does not reach a head of %i elements", async (size) => {
    const shape = { numHeads: 6, numKvHeads: 3, headSize: size, blockSize: 16 };
    await using paged = await PagedCase.create(device, {
      ...{ shape, dtype: "bfloat16", lengths, seed: size, under },
      poisoned: [0, 2],
    });
    const { output } = await paged.run();
    const row = 6 * size;
    for (let token = 0; token < output.length / row; token++) {
      const [start, end] = [token * row + 2 * size, token * row + 4 * size];
      const errors = rowErrors(output.subarray(start, end), paged.expected.output.subarray(start, end), size);
      expect(isAccurate(errors, "bfloat16"), JSON.stringify({ token, errors })).toBe(true);
    }
  });
});
