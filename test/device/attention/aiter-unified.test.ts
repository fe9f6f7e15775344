import { afterAll, describe, expect, it } from "vitest";
import { Device } from "../../../lib/index.js";
import { installedKernels, type LocatedRow } from "../../../lib/kernels/store.js";
import { BACKENDS } from "../../support/backends.js";
import { onGpu } from "../../support/device.js";
import { type CaseOptions, PagedCase } from "../../support/paged-case.js";
import type { Features } from "../../support/paged-data.js";
import { isAccurate, type Lengths } from "../../support/reference.js";
import { testsAll } from "../../support/tests-all.js";
import { launchesOf } from "../../support/verified.js";

const under = BACKENDS.find(({ backend }) => backend === "ROCM_AITER_UNIFIED_ATTN")!;

/** Every one of AITER's unified attention that is there. */
const ROWS = installedKernels(["gfx942"]).kernels.filter(
  ({ provider, variant, operation }) =>
    provider === "aiter" && variant === "triton" && /^(unified_attention_|reduce_segments)/.test(operation),
);
/** Of each kind of attention one: dtype, head size, cache and features. */
const KINDS = ROWS.filter(({ operation, tile }) => operation === "unified_attention_2d" && tile.rows === 16);
/** In CI the sizes that models have most. */
const TRIED = KINDS.filter(
  ({ serves }) => testsAll || (serves.dtypes![0] === "bfloat16" && sizeOf(serves) === 128),
);

/** Queries and contexts next to multiples of 16 to 256, in pairs, empty sequences and decodes among them. */
const SHORT: Lengths = [
  ...([15, 16, 17, 31, 33, 63, 64, 65, 127, 129, 2, 1] as const).map(
    (length, index) => [[129, 1, 255, 16, 63, 257, 15, 128, 33, 65, 17, 31][index]!, length] as const,
  ),
  [0, 0],
];
/** A query that makes tiles of 128 rows pay. */
const LONG: Lengths = [...SHORT.slice(4), [0, 257]];
/** Decodes that are split into 128, 64, 32, 16 and 8 segments on 304 compute units, by how many there are. */
const DECODES = [5, 20, 40, 80, 160].map(
  (count): Lengths =>
    Array.from({ length: count }, (_, s) => [s === 1 ? 519 : [0, 14, 15, 16, 63][s % 5]!, 1] as const),
);

describe.skipIf(onGpu || ROWS.length === 0)("AITER's unified attention", () => {
  const device = Device.open({ emulate: "gfx942", computeUnits: 304 });
  afterAll(() => device.close());
  const launched = new Set<string>();

  it.each(TRIED)("is that of float64 in all of its tiles and splits: $id", async ({ serves }) => {
    const size = sizeOf(serves);
    const features = featuresOf(serves);
    const options = {
      ...{ dtype: serves.dtypes![0] as CaseOptions["dtype"], under, seed: 5 },
      scales: serves.kvCacheDtypes!.includes("fp8")
        ? ({ kScale: 0.02, vScale: 0.03, as: "tensor" } as const)
        : undefined,
    };
    const index = KINDS.findIndex((row) => row.serves === serves);
    const batches: readonly (readonly [Lengths, number, Features])[] = [
      [SHORT, 3, features],
      [LONG, 1, features],
      // AITER never splits with a window, nor heads of 96.
      ...(size === 96 ? [] : [[DECODES[index % 5]!, 1, { ...features, slidingWindow: undefined }] as const]),
    ];
    for (const [lengths, numHeads, features] of batches) {
      const shape = { numHeads, numKvHeads: 1, headSize: size, blockSize: 16 };
      await using paged = await PagedCase.create(device, { ...options, shape, lengths, features });
      const { kernels, result } = await launchesOf(() => paged.run());
      for (const id of kernels) launched.add(id);
      // With sinks and windows the weight of a lone key is rounded (docs/numbers.md).
      const times = features.sinks || features.slidingWindow !== undefined ? 2 : 1;
      const errors = paged.errors(result.output);
      expect(isAccurate(errors, options.dtype, times), JSON.stringify({ lengths, errors })).toBe(true);
    }
  });

  it("has run whole, every kernel of it", ({ skip }) => {
    if (!testsAll) skip("npm run test:all runs every kind");
    expect(ROWS.map(({ id }) => id).filter((id) => !launched.has(id))).toEqual([]);
  });
});

function sizeOf(serves: LocatedRow["serves"]): number {
  return (serves.headSizes as { oneOf: readonly number[] }).oneOf[0]!;
}

function featuresOf({ features }: LocatedRow["serves"]): Features {
  const some = { slidingWindow: 100, logitsSoftCap: 20 };
  if ("sinks" in features) return { ...some, sinks: true };
  return "alibi" in features ? { ...some, alibi: true } : {};
}
