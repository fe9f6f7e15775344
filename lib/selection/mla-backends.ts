import type { Launch } from "../catalog/choose.js";
import { FP8_TARGETS } from "../catalog/targets.js";
import type { Capabilities, KernelChoice, Limits } from "./capabilities.js";
import { ALL_TARGETS, CDNA, launches } from "./launches.js";

/** What attends for sequences with a few new tokens, in latent space. */
const TRITON_DECODE = launches("triton:mla_decode", "triton:mla_reduce");
const AITER_SPLITS = launches(
  "triton:mla_expand_pages",
  "triton:mla_begin_splits",
  "aiter:mla_decode",
  "triton:mla_merge_splits",
);
/** Where a sequence's few new tokens may be a list's work, the splits are for one token, and for more than that takes. */
const AITER_WORK_OR_SPLITS = launches(
  "triton:mla_expand_pages",
  "triton:mla_begin_work",
  "triton:mla_begin_splits",
  "aiter:mla_decode_work",
  "aiter:mla_decode",
  "triton:mla_merge_work",
  "triton:mla_merge_splits",
);
const AITER_WORK = launches(
  "triton:mla_expand_pages",
  "triton:mla_begin_work",
  "aiter:mla_decode_work",
  "triton:mla_merge_work",
);
/** Of queries in fp8, over caches in fp8. */
const AITER_QUANTISED = launches(
  "triton:mla_expand_pages",
  "triton:mla_quantise_query",
  "triton:mla_begin_splits",
  "aiter:mla_decode_fp8",
  "triton:mla_merge_splits",
);
/** For other sequences, whose latents become keys and values. */
const PREFILL = launches("triton:mla_context_product", "triton:mla_prefill");
/** With heads of 192 and 128 elements, whose two parts of queries are joined and whose chunks are merged. */
const CK_PREFILL = launches(
  "triton:mla_join_query",
  "triton:mla_up_projection",
  "ck:fmha_forward",
  "hip:merge_attention_states",
);
/** Its kernels are built for one target. */
const CK_LIMITS = { targets: ["gfx942"] } as const;

/** Products with W_UK and W_UV around a decode, in the order in which they are preferred. */
const PRODUCTS: readonly { around: readonly [Launch[], Launch[]]; choice: Omit<KernelChoice, "launches"> }[] =
  [
    {
      around: [launches("triton:mla_query_product_fp8"), launches("triton:mla_value_product_fp8")],
      choice: {
        limits: { targets: FP8_TARGETS },
        switchedOff: [
          { variables: ["VLLM_ROCM_USE_AITER"], when: false },
          { variables: ["VLLM_ROCM_USE_AITER_FP8BMM"], when: false },
        ],
      },
    },
    { around: [launches("triton:mla_query_product"), launches("triton:mla_value_product")], choice: {} },
  ];

/** Choices of kernels that decode, with what runs beside them, within its limits. */
function decodes(
  attending: readonly (Omit<KernelChoice, "launches"> & { attend: readonly Launch[] })[],
  beside: readonly Launch[] = [],
  besideLimits: Partial<Limits> = {},
): KernelChoice[] {
  return PRODUCTS.flatMap(({ around: [before, behind], choice }) =>
    attending.map(({ attend, limits, ...others }) => ({
      ...choice,
      ...others,
      launches: [...before, ...attend, ...behind, ...beside],
      limits: { ...choice.limits, ...limits, ...besideLimits },
    })),
  );
}

/** Caches that the assembly does not reach are Triton's, where it takes their blocks. */
const NEAR = "caches of up to 4 GiB a layer";
const LARGE_BLOCKS = { blockSizes: { min: 16 } } as const;
const UNQUANTISED = { kvCacheDtypes: ["auto", "bfloat16"] } as const;
/** Heads of which a token's are a request, and which make several. */
const FEW_HEADS = { numHeads: { min: 1, max: 16 } } as const;
const MANY_HEADS = { numHeads: { oneOf: [32, 48, 64, 128] } } as const;
const QUANTISED = {
  targets: ["gfx942"],
  kvCacheDtypes: ["fp8", "fp8_e4m3"],
  numHeads: { oneOf: [128] },
} as const;
const AITER_DECODE = [
  { attend: AITER_QUANTISED, limits: QUANTISED, note: "calls with qScale" },
  { attend: AITER_WORK_OR_SPLITS, limits: { ...UNQUANTISED, ...LARGE_BLOCKS, ...FEW_HEADS }, note: NEAR },
  { attend: AITER_SPLITS, limits: { ...UNQUANTISED, ...LARGE_BLOCKS, ...MANY_HEADS }, note: NEAR },
  { attend: AITER_WORK, limits: { kvCacheDtypes: ["fp8", "fp8_e4m3"], ...LARGE_BLOCKS }, note: NEAR },
  { attend: TRITON_DECODE, limits: LARGE_BLOCKS },
  { attend: AITER_WORK_OR_SPLITS, limits: { ...UNQUANTISED, ...FEW_HEADS } },
  { attend: AITER_SPLITS, limits: { ...UNQUANTISED, ...MANY_HEADS } },
  { attend: AITER_WORK },
] as const;

/** What latent attention is, and is not, whatever runs it. */
const LATENT = {
  kind: "mla",
  headSizes: { oneOf: [576] },
  latentSizes: { kvLoraRank: 512, qkNopeHeadDim: 128, qkRopeHeadDim: 64, vHeadDim: 128 },
  queriesPerKv: {},
  attentionTypes: ["decoder"],
  slidingWindow: false,
  alibi: false,
  logitsSoftCap: false,
  sinks: false,
  flex: false,
  kvCacheLayouts: ["latent"],
  lse: true,
  fp8Output: false,
  graphs: "decode",
  cacheWrite: [{ launches: launches("triton:concat_and_cache_mla") }],
} as const satisfies Partial<Capabilities>;

export const ROCM_AITER_MLA: Capabilities = {
  ...LATENT,
  summary:
    "AITER's latent attention, for DeepSeek models: assembly for decode, Composable Kernel or Triton for prefill.",
  targets: CDNA,
  dtypes: ["bfloat16"],
  kvCacheDtypes: ["auto", "bfloat16", "fp8", "fp8_e4m3"],
  numHeads: { oneOf: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 32, 48, 64, 128] },
  blockSizes: {},
  batchInvariant: false,
  aiter: [launches("aiter:mla_decode", "aiter:mla_decode_work")],
  prefill: [{ launches: CK_PREFILL, limits: CK_LIMITS }, { launches: PREFILL }],
  decode: decodes(AITER_DECODE),
  mixed: [...decodes(AITER_DECODE, CK_PREFILL, CK_LIMITS), ...decodes(AITER_DECODE, PREFILL)],
  differences: {
    dtypes: "vLLM declares float16 too, for which AITER has no kernel.",
    kvCacheDtypes:
      "vLLM quantises queries too where the cache is in fp8. Here calls with qScale do so, with 128 heads on gfx942: AITER's kernels for 16 heads have races between waves.",
    numHeads:
      "vLLM takes 16 or 128. Here fewer than 16 are padded to 16, and 32, 48 and 64 attend in groups of 16.",
    lse: "vLLM's does not give it.",
    prefill:
      "As in vLLM, Composable Kernel attends to keys and values that are made of latents, on gfx942. Elsewhere Triton does.",
    blockSizes: "As in vLLM: the block table is expanded to blocks of one token.",
  },
};

export const TRITON_MLA: Capabilities = {
  ...LATENT,
  summary: "Latent attention in Triton, for DeepSeek models on any GPU.",
  targets: ALL_TARGETS,
  dtypes: ["float16", "bfloat16"],
  kvCacheDtypes: ["auto", "bfloat16", "fp8", "fp8_e4m3"],
  numHeads: {},
  blockSizes: { min: 16 },
  batchInvariant: true,
  prefill: [{ launches: PREFILL }],
  decode: decodes([{ attend: TRITON_DECODE }]),
  mixed: decodes([{ attend: TRITON_DECODE }], PREFILL),
  differences: {
    blockSizes: "vLLM's documentation asks for 16 or more, its code refuses 1 alone.",
    kvCacheDtypes: "vLLM's takes no fp8.",
    graphs: "vLLM's cannot be captured. Here steps can in which no sequence has more than 8 new tokens.",
  },
};
