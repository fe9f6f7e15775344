import fc from "fast-check";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { createAttention, createBatch, Device, type Tensor, traceLaunches } from "../../../lib/index.js";
import { noAiter } from "../../support/aiter.js";
import { onGpu } from "../../support/device.js";
import { assemblyRows, type FmhaV3Options, fmhaV3 } from "../../support/fmha-v3.js";
import { PagedCase } from "../../support/paged-case.js";
import { isAccurate, type Lengths } from "../../support/reference.js";
import { testsAll } from "../../support/tests-all.js";
import { setWaveOrder, WAVE_ORDERS } from "../../support/wave-order.js";

afterEach(() => setWaveOrder());

/** On and next to the edges of tiles of queries. */
const QUERIES = [1, 2, 31, 33, 64, 127, 128, 129, 255, 256, 257, 300];

/** Sequences of which some have no queries; queries on and next to the edges of their tiles, keys in whole tiles unless the kernel takes any. */
function cases(row: FmhaV3Options["row"]) {
  const { keys, leastKeys } = row.tile as { keys: number; leastKeys?: number };
  const keyTiles =
    leastKeys === undefined
      ? fc.oneof(fc.constantFrom(1, 127, 128, 129, 255, 256, 257, 384), fc.integer({ min: 1, max: 400 }))
      : fc.constantFrom(0, 0, 1, 2, 5).map((tiles) => leastKeys + tiles * keys);
  const queries = fc.constantFrom(...QUERIES);
  const sequence = fc.tuple(keyTiles, queries).map(([keys, length]) => {
    const asked = Math.min(length, keys);
    return [row.operation.includes("causal") ? keys - asked : keys, asked] as const;
  });
  return fc.record({
    lengths: fc
      .array(fc.oneof({ arbitrary: sequence, weight: 3 }, fc.constant([0, 0] as const)), {
        minLength: 7,
        maxLength: 9,
      })
      .filter((lengths) => lengths.some(([, asked]) => asked > 0)),
    heads: testsAll
      ? fc.constantFrom([1, 1], [2, 1], [1, 2], [2, 2], [1, 3], [1, 8])
      : fc.constantFrom([1, 1], [2, 1], [1, 2], [1, 3]),
    seed: fc.nat(2 ** 31),
    peak: fc.constantFrom(1, 1, 4),
    // An object that races is right where its waves advance together, however late loads into LDS take effect.
    order: row.schedule
      ? fc.constantFrom(
          ...(["early", "late"] as const).map((delivery) => ({ delivery, schedule: row.schedule! })),
        )
      : fc.constantFrom(...WAVE_ORDERS),
  });
}

describe.skipIf(noAiter || onGpu).each(["gfx942", "gfx950"] as const)(
  "AITER's forward attention in assembly on %s",
  (arch) => {
    const device = Device.open({ emulate: arch, computeUnits: 8 });
    afterAll(() => device.close());
    const rows = assemblyRows(arch, "fmha_v3");

    it.each(rows)(
      "$id is that of float64, and finite numbers behind a sequence have no part in it, in whole tiles none at all",
      async (row) => {
        await fc.assert(
          fc.asyncProperty(cases(row), async ({ order, heads, ...drawn }) => {
            setWaveOrder(order);
            const { errors, lse, areGapsUntouched } = await fmhaV3(device, {
              ...{ row, numKvHeads: heads[0]!, group: heads[1]! },
              ...drawn,
            });
            // Truncating has half the precision, and always errs to the same side.
            const bound = row.operation.endsWith("_rtz") ? 3 : 1;
            const scaled = { rms: errors.rms / bound, max: errors.max / bound };
            expect(isAccurate(scaled, "bfloat16"), JSON.stringify(errors)).toBe(true);
            expect(lse).toBeLessThan(1e-2);
            expect(areGapsUntouched).toBe(true);
          }),
          { numRuns: testsAll ? 12 : 2 },
        );
      },
      300_000,
    );

    it("is that of float64 for every pair of queries and tiles of keys", async ({ skip }) => {
      if (!testsAll) skip("npm run test:all runs the whole grid");
      const row = rows.find(({ operation, tile }) => operation === "fmha_v3_causal" && "leastKeys" in tile)!;
      if (row.schedule) setWaveOrder({ delivery: "early", schedule: row.schedule });
      const { keys, leastKeys } = row.tile as { keys: number; leastKeys: number };
      const lengths = [0, 1, 2, 5].flatMap((tiles) =>
        QUERIES.map((queries) => {
          const all = leastKeys + tiles * keys;
          const asked = Math.min(queries, all);
          return [all - asked, asked] as const;
        }),
      );
      for (const group of [1, 3]) {
        const { errors, lse } = await fmhaV3(device, { row, numKvHeads: 1, group, lengths, seed: group });
        expect(isAccurate(errors, "bfloat16"), JSON.stringify(errors)).toBe(true);
        expect(lse).toBeLessThan(1e-2);
      }
    }, 300_000);

    it("a length that is one too small is seen", async () => {
      const row = rows.find(({ operation }) => operation === "fmha_v3_causal")!;
      const lengths = [
        [0, 320],
        [64, 256],
      ] as const;
      const { errors } = await fmhaV3(device, { row, numKvHeads: 1, group: 2, lengths, seed: 1, mistake: 1 });
      expect(isAccurate(errors, "bfloat16")).toBe(false);
    });
  },
);

describe.skipIf(noAiter || onGpu)("prompts of ROCM_AITER_FA", () => {
  afterEach(() => traceLaunches(null));

  /** The ids of the kernels that attend, while `run` runs. */
  async function kernelsOf(run: () => Promise<unknown>): Promise<string[]> {
    const ids: string[] = [];
    traceLaunches(({ id, start, end }) => {
      if (id.includes("fmha")) ids.push(id);
      start.dispose();
      end.dispose();
    });
    await run();
    traceLaunches(null);
    return ids;
  }

  const V3 = "aiter.fmha_v3_causal.bfloat16.d128";
  const CK = "ck.fmha_forward.varlen.bfloat16.d128";

  it.each<[string, "gfx942" | "gfx950", Lengths, string[], number?]>([
    ["of up to 128 tokens are CK-tile's", "gfx942", [[0, 128]], [CK]],
    ["that fill no tile beyond the least are CK-tile's", "gfx942", [[0, 159]], [CK]],
    [
      "that fill tiles are the assembly's",
      "gfx942",
      [
        [0, 160],
        [0, 192],
        [7, 1],
      ],
      [V3],
    ],
    [
      "that do not are both kernels'",
      "gfx942",
      [
        [0, 161],
        [0, 0],
        [0, 40],
        [0, 255],
      ],
      [V3, CK],
    ],
    ["have another least on gfx950", "gfx950", [[0, 319]], [CK]],
    ["and other tiles", "gfx950", [[0, 321]], [V3, CK]],
    ["run through what is tuned for the chip", "gfx942", [[0, 200]], [`${V3}.mi308`, CK], 80],
  ])("%s (%s)", async (_, arch, lengths, expected, computeUnits = 8) => {
    if (arch === "gfx950") setWaveOrder({ delivery: "early", schedule: "turn" });
    await using device = Device.open({ emulate: arch, computeUnits });
    const shape = { numHeads: 3, numKvHeads: 1, headSize: 128, blockSize: 16 };
    const under = { backend: "ROCM_AITER_FA", layout: "halves" } as const;
    await using paged = await PagedCase.create(device, { shape, dtype: "bfloat16", lengths, seed: 5, under });
    const ids = await kernelsOf(async () => {
      const { output } = await paged.run({ withoutLse: true });
      expect(isAccurate(paged.errors(output), "bfloat16")).toBe(true);
    });
    expect(ids).toEqual(expected);
  });

  it("whose rows lie beyond what the assembly addresses are CK-tile's, with the same result", async () => {
    await using device = Device.open({ emulate: "gfx942", computeUnits: 8 });
    using attention = createAttention(device, {
      ...{ numHeads: 1, numKvHeads: 1, headSize: 128, dtype: "bfloat16", backend: "ROCM_AITER_FA" },
    });
    const tokens = 160;
    using cache = attention.createKvCache({ numBlocks: 10 });
    const limits = { maxSequences: 1, maxTokens: tokens, maxBlocksPerSequence: 10 };
    using batch = createBatch(device, limits);
    const blockTable = [Array.from({ length: 10 }, (_, block) => block)];
    batch.update({ queryStartLoc: [0, tokens], seqLens: [tokens], blockTable });
    const rows = Float32Array.from({ length: tokens * 128 }, (_, i) => Math.sin(i));
    const dense = () => device.upload(rows, { shape: [tokens, 1, 128], dtype: "bfloat16" });
    const [query, key, value] = [await dense(), await dense(), await dense()];
    const output = device.empty([tokens, 1, 128], "bfloat16");
    const attend = (given: { key: Tensor; value: Tensor; query: Tensor }) =>
      kernelsOf(async () => {
        attention.forward({ ...given, output, cache: cache.layer(0), batch });
        await device.defaultStream.synchronize();
      });
    expect(await attend({ query, key, value })).toEqual([V3]);
    const expected = await output.readFloat32();
    for (const name of ["query", "key", "value"] as const) {
      // The last row begins at most at 4 GiB, and behind it. Memory that is not touched costs nothing.
      for (const [stride, kernel] of [
        [2 ** 31 / tokens - 128, V3],
        [2 ** 31 / tokens, CK],
      ] as const) {
        const step = 8 * (kernel === V3 ? Math.floor(stride / 8) : Math.ceil(stride / 8));
        using memory = device.empty([tokens * step], "bfloat16");
        const apart = memory.view({ shape: [tokens, 1, 128], strides: [step, 128, 1] });
        for (let row = 0; row < tokens; row++) {
          const part = memory.view({ shape: [128], byteOffset: 2 * row * step });
          await part.write(rows.subarray(row * 128, (row + 1) * 128));
        }
        expect(await attend({ query, key, value, [name]: apart })).toEqual([kernel]);
        const errors = (await output.readFloat32()).map((x, i) => Math.abs(x - expected[i]!));
        expect(Math.max(...errors)).toBeLessThan(kernel === V3 ? 1e-9 : 2e-2);
      }
    }
  }, 120_000);
});
