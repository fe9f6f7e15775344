import fc from "fast-check";
import { afterAll, expect, it } from "vitest";
import { setEmulatorOption } from "../../../lib/device/emulator.js";
import { createAttention, explain } from "../../../lib/index.js";
import { ROCM_ATTN_IN_TRITON as under } from "../../support/backends.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import { PagedCase } from "../../support/paged-case.js";
import { isAccurate } from "../../support/reference.js";

// ROCM_ATTN where paged decode in HIP C++ is switched off, or does not serve the configuration: decodes are split in Triton.

const device = openTestDevice();
afterAll(() => device.close());

const LLAMA = { numHeads: 8, numKvHeads: 2, headSize: 128, blockSize: 16 } as const;

it.each([
  ["it is switched off", { headSize: 128 }, { VLLM_ROCM_CUSTOM_PAGED_ATTN: "0" }],
  ["AITER is on", { headSize: 128 }, { VLLM_ROCM_USE_AITER: "1", VLLM_ROCM_USE_AITER_PAGED_ATTN: "1" }],
  ["it has no head of that size", { headSize: 224 }, {}],
])("the explanation says that Triton decodes where %s", (_, change, env) => {
  const config = { ...LLAMA, ...change, dtype: "bfloat16", backend: "ROCM_ATTN" } as const;
  const { phases } = explain(config, { arch: "gfx942", env });
  const decode = phases.find(({ phase }) => phase === "decode")!;
  expect(
    decode.kernels.map(({ launches }) =>
      launches.map(({ provider, operation }) => `${provider} ${operation}`),
    ),
  ).toEqual([["triton unified_attention_3d", "triton reduce_segments"]]);
  expect(decode.passedOver.map(({ kernel }) => kernel)).toContain(
    "hip paged_attention + paged_attention_reduce",
  );
  createAttention(device, { ...config, env }).dispose();
});

it("the explanation gives one kernel for decodes with products in fp8", () => {
  const config = { ...LLAMA, dtype: "bfloat16", kvCacheDtype: "fp8", backend: "ROCM_ATTN" } as const;
  const { phases } = explain(config, { arch: "gfx942", env: { VLLM_ROCM_FP8_MFMA_PAGE_ATTN: "1" } });
  for (const name of ["decode", "mixed"] as const) {
    const { kernels } = phases.find(({ phase }) => phase === name)!;
    expect(
      kernels.map(({ launches }) => launches.map(({ operation }) => operation).filter(isDecode)),
    ).toEqual([["paged_attention_fp8"]]);
  }
});

const isDecode = (operation: string) => /^paged_attention(_fp8)?$|_3d$/.test(operation);

const length = fc.oneof(fc.constantFrom(0, 15, 16, 17, 127, 128, 129, 256), fc.nat(700));
const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });

it("is what float64 says, for decodes beside other sequences, with every feature", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        shape: fc
          .record({
            numKvHeads: fc.integer({ min: 1, max: 3 }),
            group: fc.constantFrom(1, 3, 4, 8, 16, 20),
            headSize: fc.constantFrom(32, 64, 96, 128, 160, 192, 224, 256),
            blockSize: fc.constantFrom(16, 48, 64, 1056),
          })
          .map(({ group, ...rest }) => ({ ...rest, numHeads: rest.numKvHeads * group })),
        dtype: fc.constantFrom("bfloat16", "float16"),
        lengths: fc.array(
          fc.tuple(length, fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.constantFrom(0, 2, 5, 17))),
          {
            minLength: 1,
            maxLength: 4,
          },
        ),
        features: fc.record({
          slidingWindow: maybe(fc.constantFrom(1, 16, 33, 200)),
          logitsSoftCap: maybe(fc.constantFrom(1, 30)),
          alibi: fc.boolean(),
          sinks: fc.boolean(),
        }),
        scales: maybe(
          fc.record({
            kScale: fc.constantFrom(0.02, 0.5),
            vScale: fc.constantFrom(0.03, 1),
            as: fc.constantFrom("number" as const, "tensor" as const),
          }),
        ),
        batchInvariant: fc.boolean(),
        seed: fc.nat(2 ** 31),
        peak: fc.constantFrom(1, 4),
      }),
      async (drawn) => {
        await using paged = await PagedCase.create(device, { ...drawn, under });
        const { output, lse } = await paged.run();
        const errors = paged.errors(output);
        if (!isAccurate(errors, drawn.dtype)) throw new Error(`inaccurate: ${JSON.stringify(errors)}`);
        for (const [row, expected] of paged.expected.lse.entries())
          expect(lse![row]).toBeCloseTo(expected, 2);
      },
    ),
    { numRuns: 30 },
  );
}, 300_000);

it.skipIf(onGpu).each([
  ["its dtype", undefined],
  ["fp8", { kScale: 0.02, vScale: 0.03, as: "tensor" } as const],
])("has the same bits under every schedule, over a cache in %s", async (_, scales) => {
  await using paged = await PagedCase.create(device, {
    ...{
      scales,
      shape: LLAMA,
      dtype: "bfloat16",
      lengths: [
        [400, 1],
        [70, 33],
        [0, 1],
      ],
      seed: 4,
      under,
    },
  });
  const { bits } = await paged.run();
  for (const [name, value, usual] of [
    ["SCHEDULE", "reverse", "barrier"],
    ["SCHEDULE", "seed:1", "barrier"],
    ["DELIVERY", "late", "early"],
  ] as const) {
    setEmulatorOption(name, value);
    expect((await paged.run()).bits, `${name}=${value}`).toEqual(bits);
    setEmulatorOption(name, usual);
  }
});
