import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { fp8Encoding } from "../../../lib/catalog/targets.js";
import { setEmulatorOption } from "../../../lib/device/emulator.js";
import { type AttentionType, createAttention, createBatch, Device } from "../../../lib/index.js";
import { installedKernels } from "../../../lib/kernels/store.js";
import { coded } from "../../support/coded.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import { type CaseOptions, PagedCase } from "../../support/paged-case.js";
import { type AttentionShape, isAccurate, type Lengths } from "../../support/reference.js";

const device = openTestDevice();
afterAll(() => device.close());
const hasFp8 = fp8Encoding(device.info.arch) !== null;

async function check(options: CaseOptions): Promise<void> {
  await using paged = await PagedCase.create(device, options);
  for (const attendOnly of options.attentionType === "encoder_decoder" ? [false, true] : [false]) {
    const { output, lse } = await paged.run({ attendOnly });
    const errors = paged.errors(output);
    if (!isAccurate(errors, options.dtype)) throw new Error(`inaccurate: ${JSON.stringify(errors)}`);
    for (const [row, expected] of paged.expected.lse.entries()) expect(lse![row]).toBeCloseTo(expected, 2);
  }
}

const shape = fc
  .record({
    numKvHeads: fc.integer({ min: 1, max: 3 }),
    group: fc.constantFrom(1, 2, 3, 5, 8, 16, 20),
    headSize: fc.constantFrom(32, 40, 64, 72, 80, 96, 112, 128, 192, 256),
    blockSize: fc.constantFrom(16, 48, 64, 1056),
  })
  .map(({ group, ...rest }) => ({ ...rest, numHeads: rest.numKvHeads * group }));
const dtype = fc.constantFrom("bfloat16", "float16", "float32");
const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
/** On and next to the edges of parts (16) and tiles (32), none, and any others. */
const length = fc.oneof(fc.constantFrom(0, 1, 2, 15, 16, 17, 31, 32, 33, 64, 65), fc.nat(150));
const common = { shape, dtype, seed: fc.nat(2 ** 31), peak: fc.constantFrom(1, 4) };
const LLAMA: AttentionShape = { numHeads: 8, numKvHeads: 2, headSize: 128, blockSize: 16 };

describe("an encoder, whose tokens see all of their sequence, and no cache", () => {
  const lengths = fc.array(length, { minLength: 1, maxLength: 4 });
  const features = fc.record({
    slidingWindow: maybe(
      fc.oneof(fc.constantFrom(1, 2, 15, 16, 17, 32, 33), fc.integer({ min: 1, max: 200 })),
    ),
    logitsSoftCap: maybe(fc.constantFrom(1, 30)),
    alibi: fc.boolean(),
    sinks: fc.boolean(),
  });

  it("is what float64 says, for any shape, lengths and features", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          ...common,
          lengths,
          features,
          attentionType: fc.constantFrom("encoder_only", "encoder"),
        }),
        ({ lengths, ...drawn }) =>
          check({ ...drawn, lengths: lengths.map((length) => [0, length] as const) }),
      ),
      { numRuns: 40 },
    );
  }, 300_000);

  it("takes keys and values in rows of different strides", async () => {
    const lengths: Lengths = [
      [0, 37],
      [0, 0],
      [0, 70],
    ];
    const attentionType = "encoder_only";
    await using paged = await PagedCase.create(device, {
      ...{ shape: LLAMA, dtype: "bfloat16", lengths, seed: 5, attentionType, valueGap: 24 },
    });
    expect(isAccurate(paged.errors((await paged.run()).output), "bfloat16")).toBe(true);
  });
});

describe("cross attention, to an encoder's tokens in the cache", () => {
  const lengths = fc.array(
    fc.tuple(
      fc.oneof(length, fc.constantFrom(256, 300)),
      fc.oneof({ weight: 2, arbitrary: fc.constant(1) }, length),
    ),
    { minLength: 1, maxLength: 4 },
  );
  const features = fc.record({ logitsSoftCap: maybe(fc.constantFrom(1, 30)), sinks: fc.boolean() });
  const scale = fc.constantFrom(1 / 64, 0.03, 1);
  const scales = fc.record({ kScale: scale, vScale: scale, as: fc.constantFrom("number", "tensor") });

  it("is what float64 says, for any shape, lengths and features, in the step that brings them and in later ones", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          ...{ ...common, lengths, features, scales: hasFp8 ? maybe(scales) : fc.constant(undefined) },
          batchInvariant: fc.boolean(),
        }),
        (drawn) => check({ ...drawn, attentionType: "encoder_decoder" }),
      ),
      { numRuns: 40 },
    );
  }, 300_000);
});

describe("a mistake in the lengths", () => {
  it.each(["encoder_only", "encoder_decoder"] as const)("is seen: %s", async (attentionType) => {
    const cross = attentionType === "encoder_decoder";
    for (const peak of [1, 4]) {
      await using paged = await PagedCase.create(device, {
        ...{ shape: LLAMA, dtype: "bfloat16", attentionType, seed: 3, peak },
        lengths: [[cross ? 90 : 0, 40]],
        // The last key is one that every row sees.
        mistake: (step) => ({ ...step, attentionType: cross ? "encoder_decoder" : "decoder" }),
        ...(cross && { mutate: ({ seqLens }) => void seqLens[0]!-- }),
      });
      expect(isAccurate(paged.errors((await paged.run()).output), "bfloat16")).toBe(false);
    }
  });
});

describe.skipIf(onGpu)("the same bits come under every schedule", () => {
  const OPTIONS = [
    ["SCHEDULE", "turn"],
    ["SCHEDULE", "reverse"],
    ["SCHEDULE", "seed:1"],
    ["DELIVERY", "late"],
    ["THREADS", "1"],
  ] as const;
  it.each(["encoder_only", "encoder_decoder"] as const)("%s", async (attentionType) => {
    const cross = attentionType === "encoder_decoder";
    const lengths: Lengths = cross
      ? [
          [300, 1],
          [50, 40],
        ]
      : [
          [0, 50],
          [0, 3],
        ];
    await using paged = await PagedCase.create(device, {
      ...{ shape: LLAMA, dtype: "bfloat16", attentionType, lengths, seed: 2 },
    });
    const { bits } = await paged.run();
    for (const [name, value] of OPTIONS) {
      setEmulatorOption(name, value);
      expect((await paged.run()).bits, `${name}=${value}`).toEqual(bits);
      setEmulatorOption(name, { SCHEDULE: "barrier", DELIVERY: "early", THREADS: "0" }[name]);
    }
  });
});

describe("forward refuses, and changes nothing", () => {
  const config = { numHeads: 2, numKvHeads: 2, headSize: 64, dtype: "bfloat16" } as const;
  const rows = (tokens: number, stride = 128) =>
    device.zeros([tokens * stride], "bfloat16").view({ shape: [tokens, 2, 64], strides: [stride, 64, 1] });
  const limits = { maxSequences: 1, maxTokens: 3, maxBlocksPerSequence: 1 };
  const batches = {
    decoder: createBatch(device, limits),
    encoder_only: createBatch(device, { ...limits, maxBlocksPerSequence: 0 }),
    encoder_decoder: createBatch(device, { ...limits, maxKeyTokens: 4 }),
  };
  batches.decoder.update({ queryStartLoc: [0, 3], seqLens: [3], blockTable: [[0]] });
  batches.encoder_only.update({ queryStartLoc: [0, 3] });
  batches.encoder_decoder.update({ queryStartLoc: [0, 3], seqLens: [4], blockTable: [[0]] });
  const cache = createAttention(device, config).createKvCache({ numBlocks: 1 }).layer(0);
  const call = { query: rows(3), output: rows(3) };
  const dense = { key: rows(3), value: rows(3) };
  const { encoder_only, encoder_decoder, decoder } = batches;

  it.each<[string, AttentionType, object, ...string[]]>([
    [
      "an encoder without keys",
      "encoder_only",
      { batch: encoder_only },
      "keys and values of an encoder",
      "key",
    ],
    ["an encoder without values", "encoder_only", { batch: encoder_only, key: rows(3) }, "encoder", "value"],
    [
      "an encoder with a cache",
      "encoder_only",
      { batch: encoder_only, ...dense, cache },
      "undefined",
      "cache",
    ],
    [
      "an encoder's batch with blocks",
      "encoder_only",
      { batch: decoder, ...dense },
      "for an encoder",
      "batch",
    ],
    [
      "an encoder's keys too far apart",
      "encoder_only",
      { batch: encoder_only, ...dense, key: rows(3, 2 ** 20) },
      "below 2\\^20",
      "key",
    ],
    ["a scale of an encoder's keys", "encoder_only", { batch: encoder_only, ...dense, kScale: 2 }, "kScale"],
    ["a decoder without a cache", "decoder", { batch: decoder, ...dense }, "KvCacheLayer", "cache"],
    [
      "a decoder with an encoder's batch",
      "decoder",
      { batch: encoder_only, cache },
      "self-attention",
      "batch",
    ],
    ["a decoder with a batch for cross attention", "decoder", { batch: encoder_decoder, cache }, "batch"],
    ["cross attention with a decoder's batch", "encoder_decoder", { batch: decoder, cache }, "maxKeyTokens"],
    [
      "keys in a step without slots for them",
      "encoder_decoder",
      { batch: encoder_decoder, cache, ...dense },
      "keySlotMapping",
      "key",
    ],
  ])("%s", (_, attentionType, options, ...words) => {
    using attention = createAttention(device, { ...config, attentionType });
    expect(() => attention.forward({ ...call, ...options } as never)).toThrow(
      coded("ERR_INVALID_ARGUMENT", ...words),
    );
  });
});

describe("an encoder has no cache", () => {
  it.each(["encoder_only", "encoder"] as const)("%s", (attentionType) => {
    const config = { numHeads: 2, numKvHeads: 2, headSize: 64, dtype: "bfloat16" } as const;
    using decoder = createAttention(device, config);
    using owner = decoder.createKvCache({ numBlocks: 1 });
    const [key, value] = (["key", "value"] as const).map((name) => owner.layer(0).part(name).tensor);
    using encoder = createAttention(device, { ...config, attentionType });
    const { allocated } = device.memory();
    const refusal = coded("ERR_INVALID_ARGUMENT", "an encoder attends", "attentionType", attentionType);
    expect(() => encoder.createKvCache({ numBlocks: 1 })).toThrow(refusal);
    expect(() => encoder.blocksThatFit({ layers: 1 })).toThrow(refusal);
    expect(() => encoder.wrapKvCache({ key: key!, value: value! })).toThrow(refusal);
    expect(device.memory().allocated).toBe(allocated);
  });
});

const hasEncoders = (arch: string) =>
  installedKernels([arch]).kernels.some(
    ({ provider, serves }) => provider === "triton" && serves.attentionTypes?.includes("encoder_only"),
  );

it.skipIf(onGpu || hasEncoders("gfx950"))(
  "an encoder on a target of which a few kernels are built is told how to build them all",
  async () => {
    const device = Device.open({ emulate: "gfx950" });
    const config = { numHeads: 4, numKvHeads: 2, headSize: 128, blockSize: 16, dtype: "bfloat16" } as const;
    for (const attentionType of ["encoder_only", "encoder_decoder"] as const) {
      expect(() => createAttention(device, { ...config, attentionType })).toThrow(
        coded("ERR_NO_KERNELS_FOR_ARCH", "TRITON_ATTN", "kernels/build --target gfx950"),
      );
    }
    await device.close();
  },
);
