import fc from "fast-check";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import type { LayoutName } from "../../../lib/kv-cache/layouts.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import { HIP_TEST_DEVICES, hipRows, noHipKernels } from "../../support/hip-kernels.js";
import type { TokenScaled } from "../../support/paged-data.js";
import { type DecodeOptions, pagedDecode } from "../../support/paged-decode.js";
import {
  type AttentionShape,
  isAccurate,
  isQuantisedAccurate,
  type Lengths,
} from "../../support/reference.js";
import { setWaveOrder, WAVE_ORDERS } from "../../support/wave-order.js";

/** Cases of a kind: with many kinds, few of each. */
const RUNS = process.env.ROCM_ATTENTION_TEST_ALL ? 15 : 5;
const LLAMA: AttentionShape = { numHeads: 8, numKvHeads: 2, headSize: 128, blockSize: 16 };

/** Lengths on and next to the edges of tiles (32), of what a workgroup takes at a time (128) and of blocks. */
const context = fc.oneof(
  fc.constantFrom(0, 15, 16, 17, 31, 32, 33, 63, 64, 127, 128, 129, 255, 256, 257, 511, 512),
  fc.nat(900),
);
const lengths = fc
  .array(fc.tuple(context, fc.constantFrom(1, 1, 1, 0, 2, 3, 5, 8)), { minLength: 1, maxLength: 5 })
  .filter((lengths) => lengths.some(([, queries]) => queries > 0));
/** Groups of more than 16 rows take several workgroups, some of them with rows of two query tokens. */
const shape = (headSize: number) =>
  fc
    .record({
      numKvHeads: fc.integer({ min: 1, max: 3 }),
      group: fc.constantFrom(1, 2, 3, 4, 5, 7, 8, 16, 20),
      blockSize: fc.constantFrom(16, 32, 48, 64, 128),
    })
    .map(({ group, ...rest }) => ({ ...rest, headSize, numHeads: rest.numKvHeads * group }));

const features: fc.Arbitrary<NonNullable<DecodeOptions["features"]>> = fc.oneof(
  fc.constant({}),
  fc.record({
    slidingWindow: fc.constantFrom(undefined, 1, 16, 100, 128, 129, 700),
    logitsSoftCap: fc.constantFrom(undefined, 0.5, 20),
    alibi: fc.boolean(),
    sinks: fc.boolean(),
  }),
);

/** What kernels are for: those that differ in their tile alone are of one kind. */
interface Kind {
  readonly dtype: DecodeOptions["dtype"];
  readonly headSize: number;
  readonly layouts: readonly LayoutName[];
  readonly cache: string;
  readonly products: "elements" | "fp8";
}

function kinds(arch: string): Kind[] {
  const found = hipRows(arch)
    .filter(({ operation }) => ["paged_attention", "paged_attention_fp8"].includes(operation))
    .map(({ operation, serves }) => ({
      dtype: serves.dtypes![0] as DecodeOptions["dtype"],
      headSize: (serves.headSizes as { oneOf: readonly number[] }).oneOf[0]!,
      layouts: serves.layouts as LayoutName[],
      cache: serves.kvCacheDtypes![0]!,
      products: operation === "paged_attention" ? ("elements" as const) : ("fp8" as const),
    }));
  return [...new Map(found.map((kind) => [JSON.stringify(kind), kind])).values()];
}

const SCALES = fc.record({
  kScale: fc.constantFrom(0.02, 0.5),
  vScale: fc.constantFrom(0.03, 1),
  as: fc.constantFrom("number" as const, "tensor" as const),
});

describe.skipIf(noHipKernels).each(HIP_TEST_DEVICES)("paged_attention on $name", ({ open }) => {
  const device = open();
  afterAll(() => device.close());

  it.each(kinds(device.info.arch))(
    "is that of float64 for any shape and batch, in $dtype with heads of $headSize over $layouts, cache $cache, products in $products",
    async ({ dtype, headSize, layouts, cache, products }) => {
      await fc.assert(
        fc.asyncProperty(
          fc.record({
            shape: shape(headSize),
            layout: fc.constantFrom(...layouts),
            lengths,
            seed: fc.nat(2 ** 31),
            peak: fc.constantFrom(1, 1, 4),
            computeUnits: fc.constantFrom(1, 8, 80, 304),
            xcds: fc.constantFrom(1, 2, 3, 8),
            features,
            scales: cache === "fp8" ? SCALES : fc.constant(undefined),
            tokenScales: fc.constant(cache.endsWith("_per_token") ? (cache as TokenScaled) : undefined),
          }),
          // A sink far above all scores leaves an output among float16's subnormals, which have few bits.
          ({ features, ...drawn }) =>
            check({
              dtype,
              fp8Products: products === "fp8",
              ...drawn,
              features: dtype === "float16" ? { ...features, sinks: false } : features,
            }),
        ),
        { numRuns: cache.endsWith("_per_token") ? Math.ceil(RUNS / 2) : RUNS },
      );
    },
    300_000,
  );

  /** Output and LSE against float64. */
  async function check(options: DecodeOptions): Promise<void> {
    const { errors, lse, expected } = await pagedDecode(device, options);
    const isWithin = options.fp8Products ? isQuantisedAccurate(errors) : isAccurate(errors, options.dtype);
    if (!isWithin) throw new Error(`inaccurate: ${JSON.stringify(errors)}`);
    for (const [row, value] of expected.lse.entries()) expect(lse[row]).toBeCloseTo(value, 3);
  }

  it("finds a needle at the edge of every tile, block and segment", async () => {
    const needles = [0, 15, 16, 31, 32, 63, 64, 127, 128, 159, 160, 255, 256, 383, 384, 498, 499];
    for (const needle of needles) {
      const lengths: Lengths = [[499, 1]];
      await check({
        shape: LLAMA,
        dtype: "bfloat16",
        lengths,
        needles: [needle],
        seed: needle,
        computeUnits: 304,
      });
    }
  }, 300_000);
});

describe.skipIf(noHipKernels)("paged_attention", () => {
  const device = openTestDevice();
  afterAll(() => device.close());
  const options = { shape: LLAMA, dtype: "bfloat16", seed: 3 } as const;
  const ragged: Lengths = [
    [700, 1],
    [13, 1],
    [90, 3],
    [0, 2],
  ];

  it.each(["bfloat16", "float16"] as const)(
    "sums 32 K equal weights beside one of e^10, in %s",
    async (dtype) => {
      const shape: AttentionShape = { numHeads: 2, numKvHeads: 1, headSize: 64, blockSize: 64 };
      const { errors } = await pagedDecode(device, {
        shape,
        dtype,
        lengths: [[32_768, 1]],
        nats: 10,
        seed: 3,
      });
      expect(errors).toSatisfy((errors) => isAccurate(errors, dtype));
    },
  );

  it.each(["bfloat16", "float16"] as const)(
    "loses below 5 % of all elements together to products in fp8, in %s",
    async (dtype) => {
      const scales = { kScale: 0.02, vScale: 0.03, as: "number" } as const;
      for (const peak of [0.25, 1, 4]) {
        const { lossToProducts } = await pagedDecode(device, {
          ...{ ...options, dtype, lengths: ragged, peak, scales, fp8Products: true },
        });
        expect(lossToProducts).toBeLessThan(5e-2);
      }
    },
  );

  it("leaves sequences with more query tokens alone", async () => {
    const { output, lse, expected } = await pagedDecode(device, {
      ...options,
      lengths: [
        [40, 1],
        [300, 9],
        [200, 2],
      ],
      queryTokens: 2,
    });
    const [token, heads] = [LLAMA.numHeads * LLAMA.headSize, LLAMA.numHeads];
    expect(output.subarray(token, 10 * token).every((value) => value === 0)).toBe(true);
    expect(lse.subarray(heads, 10 * heads).every((value) => value === 0)).toBe(true);
    expect(lse[11 * heads]).toBeCloseTo(expected.lse[11 * heads]!, 3);
  });

  it("gives the same bits for a row alone and in a batch, with batchInvariant", async () => {
    const alone = await pagedDecode(device, { ...options, lengths: [ragged[0]!], batchInvariant: true });
    const inBatch = await pagedDecode(device, { ...options, lengths: ragged, batchInvariant: true });
    expect(inBatch.bits.subarray(0, alone.bits.length)).toEqual(alone.bits);
  });

  describe.skipIf(onGpu)("in any order of waves", () => {
    const fp8 = { kScale: 0.02, vScale: 0.03, as: "tensor" } as const;
    afterEach(() => setWaveOrder());
    it.each<Pick<DecodeOptions, "layout" | "scales" | "fp8Products">>([
      {},
      { scales: fp8 },
      { scales: fp8, fp8Products: true },
      { layout: "shuffled" },
      { layout: "shuffled", scales: fp8 },
      { layout: "halves" },
      { layout: "paired", scales: fp8 },
    ])("gives the same bits, late deliveries too: %o", async (kind) => {
      const results = [];
      for (const order of [...WAVE_ORDERS, { delivery: "early", schedule: "turn" } as const]) {
        setWaveOrder(order);
        results.push((await pagedDecode(device, { ...options, ...kind, lengths: ragged })).bits);
      }
      for (const bits of results) expect(bits).toEqual(results[0]);
    });
  });

  // Each stands for a mistake inside a kernel: if the comparison does not see these, it sees nothing.
  it.each<[string, Lengths, number]>([
    ["a dropped last key", [[320, 1]], 1],
    ["a dropped tile", [[320, 1]], 32],
    ["a dropped segment", [[320, 1]], 128],
    ["a mask shifted by one", [[100, 4]], 1],
  ])("%s is seen", async (_, lengths, dropped) => {
    const mutate: DecodeOptions["mutate"] = ({ seqLens }) => {
      seqLens[0]! -= dropped;
    };
    for (const peak of [1, 4]) {
      const { errors } = await pagedDecode(device, { ...options, lengths, peak, mutate });
      expect(isAccurate(errors, "bfloat16")).toBe(false);
    }
  });

  it.each<[string, NonNullable<DecodeOptions["features"]>, NonNullable<DecodeOptions["mistake"]>]>([
    ["a window of one key less", { slidingWindow: 90 }, (step) => ({ ...step, slidingWindow: 89 })],
    ["a window of one key more", { slidingWindow: 90 }, (step) => ({ ...step, slidingWindow: 91 })],
    ["no soft cap", { logitsSoftCap: 1 }, ({ logitsSoftCap: _, ...step }) => step],
    ["no slopes", { alibi: true }, ({ alibiSlopes: _, ...step }) => step],
    ["no sinks", { sinks: true }, ({ sinks: _, ...step }) => step],
  ])("%s is seen", async (_, features, mistake) => {
    const lengths: Lengths = [
      [320, 1],
      [150, 2],
    ];
    for (const dtype of ["bfloat16", "float16"] as const) {
      const decode = { ...options, dtype, lengths, features };
      expect(isAccurate((await pagedDecode(device, decode)).errors, dtype)).toBe(true);
      expect(isAccurate((await pagedDecode(device, { ...decode, mistake })).errors, dtype)).toBe(false);
    }
  });
});
