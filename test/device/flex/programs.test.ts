import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RocmAttentionError } from "../../../lib/errors.js";
import {
  type AttentionConfig,
  type FlexOperand,
  type FlexValue,
  flex,
  type MaskMod,
  type ScoreMod,
  type Tensor,
} from "../../../lib/index.js";
import { openTestDevice } from "../../support/device.js";
import { uploadTables, withReference } from "../../support/flex-device.js";
import { expressions } from "../../support/flex-expressions.js";
import { TABLES } from "../../support/flex-tables.js";
import { noHipKernels } from "../../support/hip-kernels.js";
import { type CaseOptions, PagedCase } from "../../support/paged-case.js";
import { isAccurate, type Lengths } from "../../support/reference.js";

const device = openTestDevice();
const under = { backend: "FLEX_ATTENTION", layout: "halves" } as const;
let tensors: Tensor[];
let values: Map<unknown, readonly number[]>;
beforeAll(async () => {
  tensors = await uploadTables(device);
  values = new Map(tensors.map((tensor, i) => [tensor, TABLES[i]!.values]));
});
afterAll(() => device.close());

type Functions = Pick<AttentionConfig, "scoreMod" | "maskMod">;
type Drawn = Pick<CaseOptions, "shape" | "dtype" | "lengths" | "seed" | "features">;

async function check(functions: Functions, drawn: Drawn, mistake: Functions = functions): Promise<void> {
  const options = { ...drawn, under, functions: { ...withReference(mistake, values), ...functions } };
  await using paged = await PagedCase.create(device, options);
  const { output, lse } = await paged.run();
  const errors = paged.errors(output);
  if (!isAccurate(errors, drawn.dtype)) throw new Error(`inaccurate: ${JSON.stringify(errors)}`);
  for (const [row, expected] of paged.expected.lse.entries()) {
    expect(Number.isFinite(lse![row]!)).toBe(Number.isFinite(expected));
    if (Number.isFinite(expected))
      expect(Math.abs(lse![row]! - expected)).toBeLessThan(5e-3 * (1 + Math.abs(expected)));
  }
}

const drawn = fc.record({
  shape: fc
    .record({
      numKvHeads: fc.integer({ min: 1, max: 3 }),
      group: fc.constantFrom(1, 2, 3, 4, 5, 8),
      headSize: fc.constantFrom(40, 64, 72, 128, 136, 256),
      blockSize: fc.constantFrom(1, 5, 16, 32, 33, 48),
    })
    .map(({ group, ...rest }) => ({ ...rest, numHeads: rest.numKvHeads * group })),
  dtype: fc.constantFrom("bfloat16", "float16"),
  lengths: fc.array(
    fc.tuple(
      fc.oneof(fc.constantFrom(0, 31, 32, 33, 64), fc.nat(90)),
      fc.oneof(fc.constant(1), fc.constantFrom(0, 15, 16, 17, 64), fc.nat(30)),
    ),
    { minLength: 1, maxLength: 4 },
  ),
  seed: fc.nat(2 ** 31),
  features: fc.option(fc.constant({ sinks: true }), { nil: undefined }),
});

const LENGTHS: Lengths = [
  [60, 20],
  [0, 33],
  [90, 1],
  [3, 0],
  [7, 2],
];
const CASE: Drawn = {
  shape: { numHeads: 6, numKvHeads: 2, headSize: 128, blockSize: 16 },
  ...{ dtype: "bfloat16", lengths: LENGTHS, seed: 5 },
};

describe.skipIf(noHipKernels !== null)("programs against float64", () => {
  it("hold for random ones, ragged batches and shapes", async () => {
    await fc.assert(
      fc.asyncProperty(
        expressions("mask").float,
        expressions("mask").bool,
        drawn,
        async (bias, mask, options) => {
          const functions: Functions = {
            scoreMod: (score, at) =>
              score.mul(0.75).add(
                bias
                  .trace({ ...at, tensors })
                  .max(-8)
                  .min(8),
              ),
            maskMod: (at) => mask.trace({ ...at, tensors }),
          };
          try {
            await check(functions, options);
          } catch (error) {
            if (error instanceof RocmAttentionError && error.message.includes("at a time")) fc.pre(false);
            throw error;
          }
        },
      ),
      { numRuns: 20 },
    );
  }, 300_000);

  const library: [string, () => Functions, () => Functions][] = [
    ["prefix LM", () => ({ maskMod: flex.prefixLm(row(11)) }), () => ({ maskMod: flex.prefixLm(row(12)) })],
    ["documents", () => ({ maskMod: flex.documentMask(tensors[0]!) }), () => ({ maskMod: flex.causal })],
    [
      "a dilated window",
      () => ({ maskMod: flex.dilatedWindow(9, 3) }),
      () => ({ maskMod: flex.dilatedWindow(9, 2) }),
    ],
    [
      "a mask and its opposite",
      () => ({ maskMod: flex.or(flex.slidingWindow(9), flex.not(flex.causal)) }),
      () => ({ maskMod: flex.slidingWindow(9) }),
    ],
    ["a tree", () => ({ maskMod: flex.treeAttention(tensors[2]!) }), () => ({ maskMod: flex.causal })],
    [
      "learned biases",
      () => ({ scoreMod: flex.relativeBias(tensors[4]!) }),
      () => ({ scoreMod: (score) => score }),
    ],
    [
      "a soft cap, then ALiBi twice",
      () => ({ scoreMod: twice() }),
      () => ({ scoreMod: flex.alibi(tensors[1]!) }),
    ],
    [
      "exp and log",
      () => ({ scoreMod: (score) => score.exp().add(1).log() }),
      () => ({ scoreMod: (score) => score }),
    ],
    ["a score of one kind of head", () => ({ scoreMod: perHead(0) }), () => ({ scoreMod: perHead(1) })],
  ];
  const row = (length: number) => ({ at: (index: FlexOperand) => (index as FlexValue).rem(3).add(length) });
  const twice = () => flex.chain(flex.softCap(3), flex.alibi(tensors[1]!), flex.alibi(tensors[1]!));
  const perHead =
    (kind: number): ScoreMod =>
    (score, { head, key }) =>
      head
        .rem(2)
        .eq(kind)
        .select(score.mul(2), score.sub(key.mul(0.1)));

  it.each(library)("hold for %s, and another program is seen", async (_, functions, other) => {
    await check(functions(), CASE);
    await expect(check(functions(), CASE, other())).rejects.toThrow();
  });

  it.each<[string, Functions, CaseOptions["features"]]>([
    ["in an encoder", { maskMod: ({ query, key }) => query.sub(key).rem(3).ne(1) }, undefined],
    ["in an encoder with a window", { scoreMod: (score) => score.mul(0.5) }, { slidingWindow: 9 }],
    ["in an encoder without functions", {}, { slidingWindow: 9, logitsSoftCap: 3, alibi: true, sinks: true }],
  ])("hold %s", async (_, functions, features) => {
    const lengths = LENGTHS.map(([context, length]) => [0, context + length] as const);
    const maskMod: MaskMod = functions.maskMod ?? (({ query, key }) => query.sub(key).abs().lt(9));
    const reference = withReference({ ...functions, maskMod }, values);
    await using paged = await PagedCase.create(device, {
      ...{ ...CASE, lengths, features, attentionType: "encoder_only", under },
      ...(Object.keys(functions).length > 0 && { functions: { modify: reference.modify, ...functions } }),
    });
    expect(paged.errors((await paged.run()).output)).toSatisfy((errors) => isAccurate(errors, "bfloat16"));
  });

  it("hold in float32", async () => {
    for (const headSize of [64, 80, 256]) {
      const shape = { ...CASE.shape, headSize };
      await check({ maskMod: flex.documentMask(tensors[0]!) }, { ...CASE, shape, dtype: "float32" });
    }
  });

  it("hold for masks that differ between heads, and rows that see nothing", async () => {
    const maskMod: MaskMod = ({ head, kvHead, query, key }) =>
      key.lt(query.sub(head.mul(9))).and(kvHead.eq(0).or(key.ge(32)));
    await check({ maskMod }, CASE);
  });
});
