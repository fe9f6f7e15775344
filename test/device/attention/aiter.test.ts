import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { AiterFlashAttention } from "../../../lib/backends/rocm-aiter-fa.js";
import { createAttention, createBatch, Device, registerBackend, traceLaunches } from "../../../lib/index.js";
import { installedKernels } from "../../../lib/kernels/store.js";
import { BUILTIN_BACKENDS } from "../../../lib/selection/backends.js";
import { BACKENDS, type BackendUnderTest } from "../../support/backends.js";
import { coded } from "../../support/coded.js";
import { type CaseOptions, PagedCase, type RunOptions } from "../../support/paged-case.js";
import {
  type AttentionShape,
  isAccurate,
  type Lengths,
  type RowErrors,
  rowErrors,
} from "../../support/reference.js";
import { testsAll } from "../../support/tests-all.js";

// What AITER's backends promise beside what all do.

const device = Device.open({ emulate: "gfx942", computeUnits: 8 });
afterAll(() => device.close());

const SHAPE: AttentionShape = { numHeads: 8, numKvHeads: 2, headSize: 128, blockSize: 16 };
const [halves, shuffled] = ["ROCM_AITER_FA", "ROCM_AITER_FA_SHUFFLED"].map(
  (name) => BACKENDS.find(({ backend }) => backend === name)!,
) as [BackendUnderTest, BackendUnderTest];

/** Decodes, prefills, extends and empty ones, in any order; lengths on and next to the edges of tiles. */
const lengths = fc.array(
  fc.tuple(
    fc.constantFrom(0, 0, 15, 16, 17, 63, 64, 65, 127, 128, 129, 255, 256, 257),
    fc.constantFrom(0, 1, 1, 8, 9, 16, 31, 33, 64, 65),
  ),
  { minLength: 1, maxLength: 6 },
);

it("AITER's backends, ROCM_ATTN and TRITON_ATTN agree on the same inputs", async () => {
  const names = ["TRITON_ATTN", "ROCM_ATTN", "ROCM_AITER_UNIFIED_ATTN", "ROCM_AITER_FA"];
  const all = names.map((name) => BACKENDS.find(({ backend }) => backend === name)!);
  await fc.assert(
    fc.asyncProperty(lengths, fc.nat(1000), async (drawn, seed) => {
      const outputs: Float32Array[] = [];
      for (const under of all) {
        const options = { shape: SHAPE, dtype: "bfloat16", lengths: drawn, seed, under } as const;
        await using paged = await PagedCase.create(device, options);
        outputs.push((await paged.run()).output);
      }
      for (const output of outputs) {
        const errors = rowErrors(output, Float64Array.from(outputs[0]!), SHAPE.headSize);
        expect(errors.rms).toBeLessThan(8e-3);
      }
    }),
    { numRuns: testsAll ? 12 : 3 },
  );
});

it("ROCM_AITER_FA runs every kernel of Composable Kernel that is there, as near to float64 as all kernels are", async () => {
  const rows = installedKernels(["gfx942"]).kernels.filter(({ provider }) => provider === "ck");
  const forAttention = rows.filter(
    ({ serves }) => serves.headSizes !== undefined && "oneOf" in serves.headSizes,
  );
  expect(forAttention.length).toBeGreaterThan(0);
  // Queries and contexts next to multiples of 16 to 256, in pairs, empty sequences and a decode among them.
  const queries = [15, 16, 17, 31, 33, 63, 64, 65, 127, 129, 255, 257];
  const contexts = [129, 1, 255, 16, 63, 257, 15, 128, 33, 65, 17, 31];
  const prompts: Lengths = [...queries.map((length) => [0, length] as const), [300, 1], [0, 0]];
  // Of one object for either operation, in test:all.
  const everyPair: Lengths = contexts.flatMap((context) =>
    queries.map((length) => [context, length] as const),
  );
  const extending: Lengths = [
    ...queries.map((length, index) => [contexts[index]!, length] as const),
    [0, 0],
    [0, 40],
  ];
  const heads = [
    [2, 1],
    [1, 1],
    [3, 1],
    [4, 2],
  ] as const;
  for (const [index, { id, operation, serves }] of forAttention.entries()) {
    const [numHeads, numKvHeads] = heads[index % heads.length]!;
    const { oneOf } = serves.headSizes as { oneOf: readonly number[] };
    const { multipleOf = 16 } = (serves.blockSizes ?? {}) as { multipleOf?: number };
    const isPaged = operation === "fmha_forward_paged";
    const isFirst = forAttention.findIndex((row) => row.operation === operation) === index;
    const pairs = isPaged ? extending : prompts;
    const options = {
      shape: { numHeads, numKvHeads, headSize: oneOf[0]!, blockSize: multipleOf },
      dtype: serves.dtypes![0] as CaseOptions["dtype"],
      lengths: testsAll && isFirst ? [...pairs, ...everyPair] : pairs,
      features: {
        slidingWindow: 200,
        alibi: serves.features.alibi === "compiled",
        ...(serves.features.logitsSoftCap === "compiled" && { logitsSoftCap: 8 }),
      },
      ...{ seed: 11, under: halves },
    };
    await using paged = await PagedCase.create(device, options);
    const ids: string[] = [];
    traceLaunches((launch) => {
      ids.push(launch.id);
      launch.start.dispose();
      launch.end.dispose();
    });
    const { output, lse } = await paged.run().finally(() => traceLaunches(null));
    expect(ids).toContain(id);
    expect(isAccurate(paged.errors(output), options.dtype), id).toBe(true);
    expect(paged.lseError(lse), id).toBeLessThan(5e-3);
  }
});

describe("ROCM_AITER_FA in chunks of 100 gathered keys", () => {
  const { aiter, differences, exclusions, fp8Output, ...table } = BUILTIN_BACKENDS.ROCM_AITER_FA;
  const gathered = {
    ...table,
    prefill: table.prefill.slice(-1),
    decode: table.decode.slice(-1),
    mixed: [{ launches: table.mixed.at(-1)!.launches }],
  };
  registerBackend(
    "ROCM_AITER_FA_CHUNKED",
    { ...gathered, summary: "ROCM_AITER_FA in small chunks." },
    (context) => new AiterFlashAttention(context, 100),
  );
  const under: BackendUnderTest = { backend: "ROCM_AITER_FA_CHUNKED", layout: "halves", roundsFp8: true };
  const scales = { kScale: 1 / 64, vScale: 1 / 32, as: "number" } as const;
  const kinds: readonly Omit<CaseOptions, "lengths" | "seed" | "dtype">[] = [
    { shape: { ...SHAPE, headSize: 64 } },
    { shape: SHAPE, scales },
    { shape: SHAPE, features: { logitsSoftCap: 5 } },
    { shape: SHAPE, scales, features: { slidingWindow: 130 } },
    { shape: SHAPE, features: { alibi: true } },
  ];
  const long = fc.array(
    fc.tuple(fc.constantFrom(0, 0, 50, 90, 91, 100, 199, 200, 350), fc.constantFrom(0, 1, 9, 10, 65, 130)),
    { minLength: 1, maxLength: 5 },
  );

  it("merges what the chunks of a sequence give, with its log-sum-exp", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...kinds),
        long,
        fc.nat(1000),
        fc.boolean(),
        async (kind, drawn, seed, again) => {
          const lengths: Lengths = [...drawn, [230, 20]];
          await using paged = await PagedCase.create(device, {
            ...kind,
            lengths,
            seed,
            under,
            dtype: "bfloat16",
          });
          let results = await paged.run();
          if (again) results = await paged.run({ attendOnly: true });
          expect(paged.errors(results.output)).toSatisfy(isMergedAccurate);
          expect(paged.lseError(results.lse)).toBeLessThan(1e-2);
        },
      ),
      { numRuns: 12 },
    );
  });

  it("has chunks of 32,768 keys where nothing else is asked for", async ({ skip }) => {
    if (!testsAll) skip("npm run test:all gathers as many keys");
    const shape = { numHeads: 2, numKvHeads: 1, headSize: 64, blockSize: 64 };
    for (const lengths of [[[32_759, 9]], [[32_760, 9]], [[66_000, 20]]] as Lengths[]) {
      const options = { shape, lengths, seed: 2, under: halves, dtype: "bfloat16" } as const;
      await using paged = await PagedCase.create(device, options);
      const { output, lse } = await paged.run();
      expect(paged.errors(output)).toSatisfy(isMergedAccurate);
      expect(paged.lseError(lse)).toBeLessThan(1e-2);
    }
  }, 300_000);

  it("keeps the log-sum-exps of its own where a call wants none", async () => {
    const shape = { ...SHAPE, headSize: 64 };
    await using paged = await PagedCase.create(device, {
      shape,
      lengths: [[250, 9]],
      seed: 1,
      under,
      dtype: "bfloat16",
    });
    const { output } = await paged.run({ withoutLse: true });
    expect(paged.errors(output)).toSatisfy(isMergedAccurate);
  });

  /** Every chunk's result is rounded, and every merged one. */
  function isMergedAccurate(errors: RowErrors): boolean {
    return isAccurate(errors, "bfloat16", 2);
  }
});

describe.each([halves, shuffled])("$backend", (under) => {
  it("reads new tokens from the cache where a call brings none", async () => {
    await fc.assert(
      fc.asyncProperty(lengths, fc.nat(1000), async (drawn, seed) => {
        const options = { shape: SHAPE, dtype: "bfloat16", lengths: drawn, seed, under } as const;
        await using paged = await PagedCase.create(device, options);
        await paged.run();
        const { output } = await paged.run({ attendOnly: true });
        expect(paged.errors(output)).toSatisfy((errors) => isAccurate(errors, "bfloat16"));
      }),
      { numRuns: 5 },
    );
  });

  it("attends over an fp8 cache, whose scaled numbers CK-tile gets rounded and decode does not", async () => {
    for (const scales of [
      { kScale: 1 / 64, vScale: 1 / 32, as: "number" },
      { kScale: 0.02, vScale: 0.03, as: "tensor" },
    ] as const) {
      const mixed: Lengths = [
        [300, 1],
        [20, 30],
        [0, 40],
        [100, 5],
        [0, 0],
      ];
      await using paged = await PagedCase.create(device, {
        ...{ shape: SHAPE, dtype: "bfloat16", lengths: mixed, seed: 3, scales, under },
      });
      const { output } = await paged.run();
      expect(paged.errors(output).rms).toBeLessThan(6e-3);
    }
  });

  it("launches nothing for kinds of sequences that a batch lacks", async () => {
    expect(
      await operationsOf({
        lengths: [
          [30, 1],
          [9, 8],
        ],
      }),
    ).toEqual(["paged_attention"]);
    expect(await operationsOf({ lengths: [[0, 30]] })).toEqual(["fmha_forward"]);
    const extend = under === halves ? ["fmha_forward_paged"] : ["gather_cache", "fmha_forward"];
    expect(await operationsOf({ lengths: [[30, 30]] })).toEqual(extend);
  });

  it("launches for a mixed step one kernel of each kind, whatever order its sequences stand in", async () => {
    const [decode, prompt, long, extend, empty] = [
      [30, 1],
      [0, 30],
      [0, 200],
      [40, 20],
      [0, 0],
    ] as const;
    const over = under === halves ? ["fmha_forward_paged"] : ["gather_cache", "fmha_forward"];
    const orders: Lengths[] = [
      [decode, prompt, long, extend, empty, extend],
      [extend, long, empty, extend, prompt, decode],
    ];
    for (const lengths of orders) {
      const operations = await operationsOf({ lengths }, { withoutLse: true });
      const gathers = under === halves ? over : operations.slice(3);
      expect(operations).toEqual(["paged_attention", "fmha_v3_causal", "fmha_forward", ...gathers]);
      expect(new Set(gathers)).toEqual(new Set(over));
      // The assembly writes no LSE of ours.
      expect((await operationsOf({ lengths })).slice(0, 3)).toEqual([
        ...["paged_attention", "fmha_forward", over[0]],
      ]);
    }
    // Without new keys all is read from the cache.
    const [mixed] = orders;
    expect((await operationsOf({ lengths: mixed! }, { attendOnly: true })).slice(0, 2)).toEqual([
      ...["paged_attention", over[0]],
    ]);
  });

  async function operationsOf(
    options: Pick<CaseOptions, "lengths">,
    how: RunOptions = {},
  ): Promise<string[]> {
    await using paged = await PagedCase.create(device, {
      ...options,
      ...{ shape: SHAPE, dtype: "bfloat16", seed: 5, under },
    });
    if (how.attendOnly) await paged.run();
    const operations: string[] = [];
    traceLaunches(({ id, start, end }) => {
      const operation = id.split(".")[1]!;
      if (!/reshape|reduce/.test(operation)) operations.push(operation);
      start.dispose();
      end.dispose();
    });
    const { output } = await paged.run(how).finally(() => traceLaunches(null));
    expect(paged.errors(output)).toSatisfy((errors) => isAccurate(errors, "bfloat16"));
    return operations;
  }
});

it("a graph of ROCM_AITER_FA is one of decodes where CK-tile has no kernel over the cache", () => {
  const config = {
    numHeads: 4,
    numKvHeads: 2,
    headSize: 64,
    dtype: "bfloat16",
    backend: "ROCM_AITER_FA",
  } as const;
  using attention = createAttention(device, config);
  using cache = attention.createKvCache({ numBlocks: 8 });
  const forward = (maxQueryLen: number) => {
    const limits = { maxSequences: 2, maxTokens: 16, maxBlocksPerSequence: 4, maxQueryLen };
    using batch = createBatch(device, limits);
    batch.update({ queryStartLoc: [0, 1], seqLens: [5], blockTable: [[3]] });
    using stream = device.createStream();
    attention.prepare(batch, { stream });
    using query = device.zeros([16, 4, 64], "bfloat16", { stream });
    using output = device.zeros([16, 4, 64], "bfloat16", { stream });
    stream.beginCapture();
    try {
      attention.forward({ query, output, cache: cache.layer(0), batch, stream });
    } finally {
      stream.endCapture().dispose();
    }
  };
  forward(8);
  expect(() => forward(9)).toThrow(coded("ERR_INVALID_ARGUMENT", "decodes alone can be captured", "batch"));
});

it("ROCM_AITER_FA refuses ALiBi over more keys than CK-tile counts, and the batch stays as it was", () => {
  const config = {
    numHeads: 2,
    numKvHeads: 1,
    headSize: 128,
    dtype: "bfloat16",
    backend: "ROCM_AITER_FA",
    alibiSlopes: [0.5, 0.25],
  } as const;
  using batch = createBatch(device, { maxSequences: 1, maxTokens: 16, maxBlocksPerSequence: 4100 });
  const blockTable = [Array.from({ length: 4100 }, (_, block) => block)];
  const tooLong = { queryStartLoc: [0, 9], seqLens: [65_536], blockTable };
  using attention = createAttention(device, config);
  attention.prepare(batch);
  const { version } = batch.step;
  expect(() => batch.update(tooLong)).toThrow(coded("ERR_INVALID_ARGUMENT", "at most 65535 keys", "seqLens"));
  expect(batch.step.version).toBe(version);
  batch.update({ ...tooLong, queryStartLoc: [0, 8] }); // a decode gathers nothing
  batch.update({ ...tooLong, seqLens: [65_535] });
});
