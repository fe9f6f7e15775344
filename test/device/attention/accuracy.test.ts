import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { fp8Encoding } from "../../../lib/catalog/targets.js";
import {
  BACKENDS,
  BATCH_INVARIANT,
  fitted,
  runs,
  TOKEN_SCALED,
  WITH_FP8_CACHE,
} from "../../support/backends.js";
import { openTestDevice } from "../../support/device.js";
import { type CaseOptions, PagedCase } from "../../support/paged-case.js";
import type { Features } from "../../support/paged-data.js";
import { type AttentionShape, attend, isAccurate, type Lengths, rowErrors } from "../../support/reference.js";
import { testsAll } from "../../support/tests-all.js";

const device = openTestDevice();
const { arch } = device.info;
afterAll(() => device.close());

const LLAMA: AttentionShape = { numHeads: 8, numKvHeads: 2, headSize: 128, blockSize: 16 };

async function check(options: CaseOptions): Promise<void> {
  await using paged = await PagedCase.create(device, options);
  const { output, lse } = await paged.run();
  const errors = paged.errors(output);
  const { under, features } = options;
  const isRounded = under?.roundsLoneWeights && (features?.sinks || features?.slidingWindow !== undefined);
  if (!isAccurate(errors, options.dtype, isRounded ? 2 : 1))
    throw new Error(`inaccurate: ${JSON.stringify(errors)}`);
  expect(paged.lseError(lse)).toBeLessThan(5e-3);
}

/** Lengths on and next to the edges of tiles (32, 64), blocks (16, 32) and segments (128), and any others. */
const context = fc.oneof(
  fc.constantFrom(0, 15, 16, 17, 31, 32, 63, 64, 65, 127, 128, 129, 255, 256),
  fc.nat(300),
);
const queryLength = fc.oneof(
  { weight: 3, arbitrary: fc.constant(1) },
  fc.constantFrom(0, 2, 15, 16, 17, 64),
  fc.nat(40),
);
const lengths = fc.array(fc.tuple(context, queryLength), { minLength: 1, maxLength: 5 });
const shape = fc
  .record({
    numKvHeads: fc.integer({ min: 1, max: 3 }),
    group: fc.constantFrom(1, 2, 3, 4, 5, 7, 8, 16, 20),
    headSize: fc.oneof(
      fc.constantFrom(64, 128),
      fc.integer({ min: 4, max: 32 }).map((n) => 8 * n),
    ),
    blockSize: fc.constantFrom(16, 32, 48, 64, 128, 1056),
  })
  .map(({ group, ...rest }) => ({ ...rest, numHeads: rest.numKvHeads * group }));

const dtype = fc.constantFrom("bfloat16", "float16", "float32");
const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
/** Windows on and next to the edges of parts (16) and tiles (32), and any others. */
const window = fc.oneof(
  fc.constantFrom(1, 2, 15, 16, 17, 31, 32, 33, 64, 128),
  fc.integer({ min: 1, max: 400 }),
);
const features = fc.record({
  slidingWindow: maybe(window),
  logitsSoftCap: maybe(fc.constantFrom(1, 5, 30, 50)),
  alibi: fc.boolean(),
  sinks: fc.boolean(),
});

/** From one that saturates to one that leaves few bits. */
const scale = fc.constantFrom(1 / 256, 1 / 64, 0.03, 1, 5);
const scales = fc.record({ kScale: scale, vScale: scale, as: fc.constantFrom("number", "tensor") });
const hasFp8 = fp8Encoding(arch) !== null;

/** Tries a backend with so many draws of shapes, batches and combinations of features. */
function holdsWithFeatures(under: (typeof BACKENDS)[number], numRuns: number): Promise<void> {
  return fc.assert(
    fc.asyncProperty(
      fc.record({ shape, dtype, lengths, features, seed: fc.nat(2 ** 31), peak: fc.constantFrom(1, 4) }),
      (drawn) => {
        const given = fitted(under, drawn);
        fc.pre(runs(under, given, arch));
        return check({ ...given, under });
      },
    ),
    { numRuns },
  );
}

describe.each(BACKENDS)("$backend against float64", (under) => {
  it("holds for any shape, ragged batch and permutation of blocks", async () => {
    await fc.assert(
      fc.asyncProperty(fc.record({ shape, dtype, lengths, seed: fc.nat(2 ** 31) }), (drawn) => {
        const given = fitted(under, drawn);
        fc.pre(runs(under, given, arch));
        return check({ ...given, under });
      }),
      { numRuns: 30 },
    );
  }, 300_000);

  it("holds for any combination of features", async () => {
    await holdsWithFeatures(under, 30);
  }, 300_000);

  it("holds for peaked scores", async () => {
    await fc.assert(
      fc.asyncProperty(fc.record({ lengths, seed: fc.nat(2 ** 31) }), (drawn) =>
        check({ shape: LLAMA, dtype: "bfloat16", peak: 4, under, ...drawn }),
      ),
      { numRuns: 10 },
    );
  }, 300_000);

  it("finds a needle at the edge of every tile, block and segment", async () => {
    const needles = [0, 15, 16, 31, 32, 63, 64, 127, 128, 159, 160, 255, 256, 319, 320, 498, 499];
    const decode: Lengths = needles.map(() => [499, 1]);
    await check({ shape: LLAMA, dtype: "bfloat16", lengths: decode, needles, seed: 1, under });
    for (const needle of needles) {
      const lengths: Lengths = [[499, 1]];
      await check({ shape: LLAMA, dtype: "bfloat16", lengths, needles: [needle], seed: needle, under });
    }
  }, 300_000);

  it.each(["bfloat16", "float16"] as const)(
    "sums 32 K equal weights beside one of e^10, in %s",
    async (dtype) => {
      const shape: AttentionShape = { numHeads: 2, numKvHeads: 1, headSize: 128, blockSize: 64 };
      await check({ shape, dtype, lengths: [[32_768, 1]], nats: 10, seed: 3, under });
      await check({ shape, dtype, lengths: [[2_000, 70]], nats: 10, seed: 4, under });
    },
    300_000,
  );

  it("takes padding: sequences without query tokens, before and after others", async () => {
    const lengths: Lengths = [
      [0, 0],
      [33, 1],
      [7, 0],
      [64, 5],
      [0, 0],
    ];
    await check({ shape: LLAMA, dtype: "bfloat16", lengths, seed: 7, under });
  });
});

describe.each(WITH_FP8_CACHE)("$backend over an fp8 cache", (under) => {
  it("holds against float64, with scales as numbers and in memory", async ({ skip }) => {
    if (!hasFp8) skip(`${arch} has no fp8`);
    await fc.assert(
      fc.asyncProperty(
        fc.record({ shape, dtype, lengths, scales, features: maybe(features), seed: fc.nat(2 ** 31) }),
        (drawn) => {
          const given = fitted(under, drawn);
          fc.pre(runs(under, given, arch));
          return check({ ...given, under });
        },
      ),
      { numRuns: 30 },
    );
  }, 300_000);

  it("loses below 3 % of all elements together", async ({ skip }) => {
    if (!hasFp8) skip(`${arch} has no fp8`);
    const lengths: Lengths = [
      [400, 1],
      [100, 30],
    ];
    const scales = { kScale: 1 / 32, vScale: 1 / 16, as: "number" } as const;
    await using paged = await PagedCase.create(device, {
      ...{ shape: LLAMA, dtype: "bfloat16", lengths, seed: 2, peak: 0.25, scales, under },
    });
    const { output } = await paged.run();
    const { rms } = rowErrors(output, attend(paged.data.unquantised).output, output.length);
    expect(rms).toBeLessThan(3e-2);
  });
});

describe.each(TOKEN_SCALED)("$backend over a cache of $kvCacheDtype", (under) => {
  it("holds against float64 for any shape, batch and features", async ({ skip }) => {
    if (!hasFp8) skip(`${arch} has no such caches`);
    await holdsWithFeatures(under, testsAll ? 40 : 12);
  }, 300_000);

  it("loses below 3 % of all elements together, in int8 below 1.5 %", async ({ skip }) => {
    if (!hasFp8) skip(`${arch} has no such caches`);
    const lengths: Lengths = [
      [400, 1],
      [100, 30],
    ];
    await using paged = await PagedCase.create(device, {
      ...{ shape: LLAMA, dtype: "bfloat16", lengths, seed: 2, peak: 0.25, under },
    });
    const { output } = await paged.run();
    const { rms } = rowErrors(output, attend(paged.data.unquantised).output, output.length);
    expect(rms).toBeLessThan(under.kvCacheDtype === "int8_per_token" ? 1.5e-2 : 3e-2);
  });
});

describe.each(BACKENDS)("a mistake in the metadata of $backend", (under) => {
  // Each stands for a mistake inside a kernel: if the comparison does not see these, it sees nothing.
  const seed = 3;
  const decode: Lengths = [[320, 1]];
  it.each<[string, Lengths, NonNullable<CaseOptions["mutate"]>]>([
    ["a dropped last key", decode, ({ seqLens }) => seqLens[0]!--],
    [
      "a dropped tile",
      decode,
      ({ seqLens }) => {
        seqLens[0]! -= 32;
      },
    ],
    [
      "a dropped segment",
      decode,
      ({ seqLens }) => {
        seqLens[0]! -= 128;
      },
    ],
    ["a mask shifted by one", [[100, 40]], ({ seqLens }) => seqLens[0]!--],
  ])("%s is seen", async (_, lengths, mutate) => {
    for (const peak of [1, 4]) {
      await using paged = await PagedCase.create(device, {
        shape: LLAMA,
        dtype: "bfloat16",
        lengths,
        seed,
        peak,
        mutate,
        under,
      });
      const { output } = await paged.run();
      expect(isAccurate(paged.errors(output), "bfloat16")).toBe(false);
    }
  });
});

describe.each(BACKENDS)("a mistake in the features of $backend", (under) => {
  const lengths: Lengths = [
    [320, 1],
    [90, 40],
  ];
  const slidingWindow = 70;
  const logitsSoftCap = 5;
  it.each<[string, Features, NonNullable<CaseOptions["mistake"]>]>([
    ["a window longer by one", { slidingWindow, logitsSoftCap }, (step) => ({ ...step, slidingWindow: 71 })],
    ["no soft cap", { slidingWindow, logitsSoftCap }, (step) => ({ ...step, logitsSoftCap: undefined })],
    [
      "the slopes of the heads beside",
      { slidingWindow, alibi: true },
      (step) => ({ ...step, alibiSlopes: turned(step.alibiSlopes!) }),
    ],
    [
      "the sinks of the heads beside",
      { slidingWindow, sinks: true },
      (step) => ({ ...step, sinks: turned(step.sinks!) }),
    ],
  ])("%s is seen", async (_, features, mistake) => {
    if (!runs(under, { shape: LLAMA, dtype: "bfloat16", features }, arch)) return;
    const options = { shape: LLAMA, dtype: "bfloat16", lengths, features, seed: 13, under } as const;
    await expect(check(options)).resolves.toBeUndefined();
    await expect(check({ ...options, mistake })).rejects.toThrow();
  });
});

function turned(values: ArrayLike<number>): number[] {
  const [first, ...others] = Array.from(values);
  return [...others, first!];
}

describe.each(BACKENDS)("the same bits of $backend", (under) => {
  const lengths: Lengths = [
    [700, 1],
    [13, 1],
    [90, 30],
    [0, 9],
  ];

  it("come again", async () => {
    await using paged = await PagedCase.create(device, {
      shape: LLAMA,
      dtype: "bfloat16",
      lengths,
      seed: 11,
      under,
    });
    expect((await paged.run()).bits).toEqual((await paged.run()).bits);
  });

  if (BATCH_INVARIANT.includes(under))
    it("come for a row alone and in a batch, with batchInvariant", async () => {
      const options = { shape: LLAMA, dtype: "bfloat16", seed: 5, batchInvariant: true, under } as const;
      for (const alone of [[[700, 1]], [[90, 30]]] as Lengths[]) {
        await using single = await PagedCase.create(device, { ...options, lengths: alone });
        const inBatch: Lengths = [...alone, [13, 1], [40, 20], [900, 1]];
        await using several = await PagedCase.create(device, { ...options, lengths: inBatch });
        const expected = (await single.run()).bits;
        expect((await several.run()).bits.subarray(0, expected.length)).toEqual(expected);
      }
    });
});
