import fc from "fast-check";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type AttentionConfig,
  createAttention,
  type RocmAttentionError,
  setLogger,
} from "../../../lib/index.js";
import { openTestDevice } from "../../support/device.js";

const device = openTestDevice();
afterAll(() => device.close());

const LLAMA: AttentionConfig = { numHeads: 8, numKvHeads: 2, headSize: 128, dtype: "bfloat16", env: {} };

const heard: [level: string, message: string][] = [];
beforeEach(() => setLogger((level, message) => void heard.push([level, message])));
afterEach(() => {
  setLogger(null);
  heard.length = 0;
});

describe("createAttention tells the logger", () => {
  it("what was requested, what it is resolved to, why, and what was rejected", () => {
    createAttention(device, { ...LLAMA, sinks: true, env: { VLLM_ROCM_USE_AITER: "1" } }).dispose();
    expect(heard.at(-1)).toEqual([
      "info",
      `attention backend on ${device.info.arch}: requested ROCM_AITER_FA, resolved to TRITON_ATTN, the default; ` +
        "rejected ROCM_AITER_FA: it does not support attention sinks",
    ]);
  });

  it("once per distinct configuration", () => {
    const choices = () => heard.filter(([level]) => level === "info").length;
    for (const numHeads of [4, 4, 6]) createAttention(device, { ...LLAMA, numHeads }).dispose();
    expect(choices()).toBe(2);
    createAttention(device, { ...LLAMA, numHeads: 4, backend: "TRITON_ATTN" }).dispose();
    expect(choices()).toBe(3);
    expect(heard.at(-1)![1]).toContain("requested TRITON_ATTN, resolved to TRITON_ATTN, named by the option");
  });

  it("of variables that do nothing, as a warning", () => {
    const env = { VLLM_MLA_DISABLE: "1", VLLM_ROCM_USE_AITER_UNIFIED_ATTENTION: "yes" };
    createAttention(device, { ...LLAMA, env }).dispose();
    expect(heard.map(([level]) => level)).toEqual(["warn", "warn", "info"]);
    expect(heard[0]![1]).toContain('VLLM_ROCM_USE_AITER_UNIFIED_ATTENTION=yes: no effect: "yes" is neither');
    expect(heard[1]![1]).toBe("VLLM_MLA_DISABLE=1: no effect: nothing in this package depends on it");
  });

  it("nothing of an attention that could not be made", () => {
    expect(() => createAttention(device, { ...LLAMA, sinks: true, backend: "ROCM_AITER_FA" })).toThrow();
    expect(heard).toEqual([]);
  });
});

it("whatever the configuration, there is an attention where the explanation sees kernels, and else its error", () => {
  const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
  const config: fc.Arbitrary<AttentionConfig> = fc
    .record({
      dtype: fc.constantFrom("bfloat16", "bfloat16", "float16", "float32"),
      kvCacheDtype: maybe(fc.constantFrom("auto", "bfloat16", "fp8")),
      headSize: fc.constantFrom(64, 128, 128, 256, 80),
      numKvHeads: fc.integer({ min: 1, max: 4 }),
      group: fc.constantFrom(1, 4, 8, 20),
      blockSize: fc.constantFrom(16, 16, 32, 48, 8),
      slidingWindow: maybe(fc.constant(64)),
      logitsSoftCap: maybe(fc.constant(30)),
      sinks: fc.boolean(),
      attentionType: maybe(fc.constantFrom("decoder", "encoder_only")),
      batchInvariant: fc.boolean(),
    } as const)
    .map(({ group, ...rest }) => ({ ...rest, numHeads: rest.numKvHeads * group, env: {} }));
  const outcomes = new Set<string>();
  fc.assert(
    fc.property(config, (config) => {
      try {
        using attention = createAttention(device, config);
        expect(attention.explanation.candidates.find(({ chosen }) => chosen)?.kernels).toBe("available");
        outcomes.add("made");
      } catch (error) {
        const { code } = error as RocmAttentionError;
        outcomes.add(code);
      }
    }),
    { numRuns: 150, examples: [[LLAMA]] },
  );
  expect(outcomes).toEqual(new Set(["made", "ERR_NO_BACKEND"]));
});
