import { describe, expect, it } from "vitest";
import type { BuiltinBackendName } from "../../../lib/config.js";
import { BUILTIN_BACKENDS } from "../../../lib/selection/backends.js";
import type { Capabilities } from "../../../lib/selection/capabilities.js";

type Entry = keyof typeof NOTHING;

const NOTHING = {
  slidingWindow: false,
  alibi: false,
  logitsSoftCap: false,
  sinks: false,
  numHeads: {},
  lse: false,
  fp8Output: false,
  dtypes: ["float16", "bfloat16"],
  kvCacheDtypes: ["auto", "bfloat16"], // "bfloat16" is another word for the model's own dtype
  attentionTypes: ["decoder"],
  headSizes: {},
  blockSizes: { multipleOf: 16 },
  graphs: "always",
};

const FP8 = ["auto", "bfloat16", "fp8", "fp8_e4m3"];
const HYBRID = { oneOf: [32, 64, 96, 128, 160, 192, 224, 256] };
const CROSS = ["decoder", "encoder_decoder"];

/** What vLLM v0.12's backends do, read from its implementations rather than from what they declare. */
const VLLM: Readonly<Record<BuiltinBackendName, Readonly<Record<Entry, unknown>>>> = {
  TRITON_ATTN: {
    ...NOTHING,
    ...{ slidingWindow: true, alibi: true, logitsSoftCap: true, sinks: true, fp8Output: true },
    dtypes: ["float16", "bfloat16", "float32"],
    kvCacheDtypes: [...FP8, "fp8_e5m2"],
    attentionTypes: CROSS,
    headSizes: { min: 32 },
  },
  ROCM_ATTN: {
    ...NOTHING,
    ...{ slidingWindow: true, alibi: true, logitsSoftCap: "ignored", sinks: true, fp8Output: true },
    kvCacheDtypes: [...FP8, "fp8_e5m2"],
    attentionTypes: CROSS,
    headSizes: HYBRID,
  },
  ROCM_AITER_FA: {
    ...NOTHING,
    ...{ slidingWindow: true, alibi: true, logitsSoftCap: "in decode alone" },
    kvCacheDtypes: FP8,
    attentionTypes: CROSS,
    headSizes: { oneOf: [64, 128, 256] },
    graphs: "decode",
  },
  ROCM_AITER_UNIFIED_ATTN: {
    ...NOTHING,
    ...{ slidingWindow: true, alibi: true, logitsSoftCap: true, sinks: true, fp8Output: true },
    kvCacheDtypes: FP8,
    attentionTypes: CROSS,
    headSizes: HYBRID,
  },
  FLEX_ATTENTION: {
    ...NOTHING,
    ...{ slidingWindow: true, sinks: "ignored" },
    dtypes: ["float16", "bfloat16", "float32"],
    attentionTypes: ["decoder", "encoder_only"],
    blockSizes: {},
    graphs: "never",
  },
  ROCM_AITER_MLA: {
    ...NOTHING,
    kvCacheDtypes: FP8,
    headSizes: { oneOf: [576] },
    numHeads: { oneOf: [16, 128] },
    blockSizes: {},
    graphs: "decode",
  },
  TRITON_MLA: {
    ...NOTHING,
    lse: true,
    headSizes: { oneOf: [576] },
    blockSizes: { min: 2 },
    graphs: "never",
  },
};

describe.each(Object.keys(VLLM) as BuiltinBackendName[])("the table of %s", (name) => {
  const ours: Capabilities = BUILTIN_BACKENDS[name];

  it.each(Object.keys(NOTHING) as Entry[])("is as in vLLM or says how it differs: %s", (entry) => {
    if (ours.differences[entry] === undefined) expect(ours[entry]).toEqual(VLLM[name][entry]);
  });
});
