import type { Capabilities, Exclusion, KernelChoice, Limits } from "./capabilities.js";
import { ALL_TARGETS, CDNA, launches } from "./launches.js";

const HYBRID_HEAD_SIZES = { oneOf: [32, 64, 96, 128, 160, 192, 224, 256] } as const;

/** Decodes that leave compute units idle are split over their keys, beside the prefills that may be in the batch. */
function unified(): Pick<Capabilities, "prefill" | "decode" | "mixed"> {
  const whole: KernelChoice = { launches: launches("triton:unified_attention_2d") };
  const split = launches("triton:unified_attention_3d", "triton:reduce_segments");
  const note = "decodes split over their keys";
  return {
    prefill: [whole],
    decode: [{ launches: split, note }, whole],
    mixed: [{ launches: [...split, ...whole.launches], note }, whole],
  };
}

/** AITER splits any batch that leaves compute units idle. */
const AITER_UNIFIED: readonly KernelChoice[] = [
  {
    launches: launches("aiter:unified_attention_3d:triton", "aiter:reduce_segments:triton"),
    limits: { headSizes: { oneOf: [64, 128, 256] }, queriesPerKv: { max: 16 }, slidingWindow: false },
    note: "batches with more than 512 keys that leave compute units idle, outside of graphs",
  },
  { launches: launches("aiter:unified_attention_2d:triton") },
];

export const TRITON_ATTN: Capabilities = {
  summary: "Unified attention in Triton for prefill and decode. The default.",
  kind: "standard",
  targets: ALL_TARGETS,
  dtypes: ["float16", "bfloat16", "float32"],
  kvCacheDtypes: ["auto", "bfloat16", "fp8", "fp8_e4m3"],
  headSizes: { min: 32, max: 256, multipleOf: 8 },
  numHeads: {},
  queriesPerKv: {},
  blockSizes: { multipleOf: 16 },
  attentionTypes: ["decoder", "encoder_decoder", "encoder_only", "encoder"],
  slidingWindow: true,
  alibi: true,
  logitsSoftCap: true,
  sinks: true,
  flex: false,
  batchInvariant: true,
  kvCacheLayouts: ["paired"],
  lse: true,
  fp8Output: true,
  graphs: "always",
  ...unified(),
  cacheWrite: [{ launches: launches("triton:reshape_and_cache_flash") }],
  differences: {
    kvCacheDtypes: "vLLM declares fp8_e5m2 too, and on ROCm stores e4m3 for it. Here it is refused.",
    headSizes: "vLLM takes any size from 32.",
    attentionTypes: "vLLM's has no attention of encoders.",
    lse: "vLLM's does not give it.",
  },
};

/** Paged attention in HIP C++ takes more than vLLM's, whose variables switch it. */
const HIP_DECODE: Omit<KernelChoice, "launches"> = {
  limits: { targets: CDNA, headSizes: { oneOf: [64, 96, 128, 192, 256] } },
  switchedOff: [
    { variables: ["VLLM_ROCM_CUSTOM_PAGED_ATTN"], when: false },
    { variables: ["VLLM_ROCM_USE_AITER", "VLLM_ROCM_USE_AITER_PAGED_ATTN"], when: true },
  ],
};

/** Sequences with any number of new tokens. */
const WHOLE = launches("triton:unified_attention_2d");

const HYBRID_DECODE: readonly KernelChoice[] = [
  {
    ...HIP_DECODE,
    launches: launches("hip:paged_attention_fp8", "hip:paged_attention_reduce"),
    limits: { ...HIP_DECODE.limits, targets: ["gfx942", "gfx950"], kvCacheDtypes: ["fp8", "fp8_e4m3"] },
    switchedOff: [{ variables: ["VLLM_ROCM_FP8_MFMA_PAGE_ATTN"], when: false }, ...HIP_DECODE.switchedOff!],
  },
  { ...HIP_DECODE, launches: launches("hip:paged_attention", "hip:paged_attention_reduce") },
  { launches: launches("triton:unified_attention_3d", "triton:reduce_segments") },
  { launches: WHOLE },
];

export const ROCM_ATTN: Capabilities = {
  summary: "Prefill in Triton, decode with paged attention in HIP C++.",
  kind: "standard",
  targets: ALL_TARGETS,
  dtypes: ["float16", "bfloat16"],
  kvCacheDtypes: ["auto", "bfloat16", "fp8", "fp8_e4m3"],
  headSizes: HYBRID_HEAD_SIZES,
  numHeads: {},
  queriesPerKv: {},
  blockSizes: { multipleOf: 16 },
  attentionTypes: ["decoder"],
  slidingWindow: true,
  alibi: true,
  logitsSoftCap: true,
  sinks: true,
  flex: false,
  batchInvariant: true,
  kvCacheLayouts: ["split"],
  lse: true,
  fp8Output: true,
  graphs: "always",
  prefill: [{ launches: WHOLE }],
  decode: HYBRID_DECODE,
  mixed: HYBRID_DECODE.map((choice) => ({
    ...choice,
    launches: [...new Set([...WHOLE, ...choice.launches])],
  })),
  cacheWrite: [{ launches: launches("hip:reshape_and_cache") }],
  differences: {
    kvCacheDtypes:
      "vLLM's Triton decode takes fp8_e5m2 too, which its HIP decode fails on. Here it is refused.",
    attentionTypes: "vLLM declares encoder_decoder too, whose cache write fails without keys.",
    logitsSoftCap: "vLLM accepts a soft cap and ignores it. Here it is applied.",
    lse: "vLLM's does not give it.",
    decode: "vLLM also runs the HIP kernel on gfx11 and gfx12, for head size 128. Here Triton decodes there.",
  },
};

/** Composable Kernel and AITER leave the weights of a softmax as they are. */
const NO_FLOAT16_ON_GFX90A: Exclusion = {
  capability: "dtypes",
  targets: ["gfx90a"],
  dtypes: ["float16"],
  message:
    "takes no float16 on gfx90a, whose matrix instructions take small numbers for 0: its kernels do not scale them up",
};

/** CK-tile's kernel over the cache itself; everything else is gathered first. */
const CK_PAGED: Partial<Limits> = {
  headSizes: { oneOf: [128] },
  kvCacheDtypes: ["auto", "bfloat16"],
  alibi: false,
  logitsSoftCap: false,
};

/** AITER's forward attention in assembly; CK-tile does the rest of each batch. */
const AITER_V3: KernelChoice = {
  launches: launches("aiter:fmha_v3_causal:asm"),
  limits: {
    targets: ["gfx942", "gfx950"],
    dtypes: ["bfloat16"],
    kvCacheDtypes: ["auto", "bfloat16"],
    headSizes: { oneOf: [128] },
    slidingWindow: false,
    alibi: false,
    logitsSoftCap: false,
    batchInvariant: false,
  },
  note: "where no LSE is asked for and the call brings its keys: the rows of prompts over 128 tokens that fill its tiles, up to 4 GiB of each operand",
};

/** AITER's paged decode in assembly; our kernel does it where the note does not hold. */
function aiterDecode(operation: "paged_decode" | "paged_decode_mtp", tokens: string): KernelChoice {
  return {
    launches: launches(`aiter:${operation}:asm`),
    limits: {
      targets: ["gfx942", "gfx950"],
      slidingWindow: false,
      alibi: false,
      logitsSoftCap: false,
      batchInvariant: false,
    },
    note:
      `${tokens} of sequences that stand side by side and have, with their heads, more than twice the compute units; ` +
      "without LSE, outside graphs, over caches that createKvCache has made, up to 2 GiB a part; over fp8_per_token queries are rounded to fp8",
  };
}

const AITER_DECODES = [
  aiterDecode("paged_decode", "single tokens"),
  aiterDecode("paged_decode_mtp", "2 to 4 tokens"),
];

export const ROCM_AITER_FA: Capabilities = {
  summary:
    "AITER's flash attention: assembly and Composable Kernel for prefill, assembly or our HIP C++ for decode. For MI200 and later.",
  kind: "standard",
  targets: CDNA,
  dtypes: ["float16", "bfloat16"],
  kvCacheDtypes: ["auto", "bfloat16", "fp8", "fp8_e4m3", "fp8_per_token", "int8_per_token"],
  headSizes: { oneOf: [64, 128, 256] },
  numHeads: {},
  queriesPerKv: {},
  blockSizes: { multipleOf: 16 },
  attentionTypes: ["decoder"],
  slidingWindow: true,
  alibi: true,
  logitsSoftCap: true,
  sinks: false,
  flex: false,
  batchInvariant: true,
  kvCacheLayouts: ["halves", "shuffled"],
  lse: true,
  fp8Output: false,
  graphs: "decode",
  exclusions: [
    NO_FLOAT16_ON_GFX90A,
    {
      capability: "logitsSoftCap",
      features: ["alibi", "logitsSoftCap"],
      message: "does not support ALiBi with a logits soft cap: Composable Kernel has one or the other",
    },
  ],
  aiter: [launches("ck:fmha_forward")],
  prefill: [AITER_V3, { launches: launches("ck:fmha_forward") }],
  decode: [...AITER_DECODES, { launches: launches("hip:paged_attention", "hip:paged_attention_reduce") }],
  mixed: [
    AITER_V3,
    ...AITER_DECODES,
    {
      launches: launches(
        "ck:fmha_forward_paged",
        "ck:fmha_forward",
        "hip:paged_attention",
        "hip:paged_attention_reduce",
      ),
      limits: CK_PAGED,
    },
    {
      launches: launches(
        "ck:fmha_forward",
        "hip:gather_cache",
        "hip:merge_attention_states",
        "hip:paged_attention",
        "hip:paged_attention_reduce",
      ),
    },
  ],
  cacheWrite: [
    { launches: launches("hip:reshape_and_cache_flash") },
    { launches: launches("hip:reshape_and_cache") },
  ],
  differences: {
    attentionTypes: "vLLM declares encoder_decoder too.",
    alibi: "Slopes take at most 65,535 keys of a sequence with more than 8 query tokens.",
    logitsSoftCap: "vLLM applies a soft cap in decode and ignores it in prefill. Here it is applied in both.",
    kvCacheDtypes:
      "vLLM copies an fp8 cache without its scales in prefill with context. Here scales are applied. vLLM does not name the dtypes with a scale for each token: they are those of AITER's assembly, and lie in the layout shuffled.",
    lse: "vLLM's does not give it.",
    slidingWindow: "vLLM allows one window per model. Here each attention has its own.",
  },
};

export const ROCM_AITER_UNIFIED_ATTN: Capabilities = {
  summary: "AITER's unified attention in Triton for prefill and decode.",
  kind: "standard",
  targets: ALL_TARGETS,
  dtypes: ["float16", "bfloat16"],
  kvCacheDtypes: ["auto", "bfloat16", "fp8", "fp8_e4m3"],
  headSizes: { oneOf: [64, 96, 128, 256] },
  numHeads: {},
  queriesPerKv: { max: 128 },
  blockSizes: { multipleOf: 16 },
  attentionTypes: ["decoder"],
  slidingWindow: true,
  alibi: true,
  logitsSoftCap: true,
  sinks: true,
  flex: false,
  batchInvariant: false,
  kvCacheLayouts: ["halves"],
  lse: false,
  fp8Output: false,
  graphs: "always",
  exclusions: [
    NO_FLOAT16_ON_GFX90A,
    {
      capability: "sinks",
      features: ["alibi", "sinks"],
      message:
        "does not support ALiBi with attention sinks, which AITER's kernels do not shift as they shift the scores",
    },
  ],
  aiter: [launches("aiter:unified_attention_2d:triton")],
  prefill: AITER_UNIFIED,
  decode: AITER_UNIFIED,
  mixed: AITER_UNIFIED,
  cacheWrite: [{ launches: launches("hip:reshape_and_cache_flash") }],
  differences: {
    headSizes: "vLLM declares 32, 160, 192 and 224 too.",
    attentionTypes: "vLLM declares encoder_decoder too.",
    fp8Output: "vLLM's writes fp8.",
  },
};

/** Masks and scores that are options have a kernel of their own; functions may turn out to be the same. */
function flexPhases(): Pick<Capabilities, "prefill" | "decode" | "mixed"> {
  const native = launches("hip:flex_attention:native");
  const programs = launches("hip:flex_block_mask", "hip:flex_attention:interpreted");
  const reduce = launches("triton:reduce_segments");
  const choices = [{ launches: native, limits: { flex: false } }, { launches: [...programs, ...native] }];
  const split = choices.map((choice) => ({
    ...choice,
    launches: [...choice.launches, ...reduce],
    limits: { ...choice.limits, headSizes: { min: 32, max: 256, multipleOf: 8 }, batchInvariant: false },
  }));
  return { prefill: choices, decode: [...split, ...choices], mixed: choices };
}

export const FLEX_ATTENTION: Capabilities = {
  summary: "Attention with programmable masks and scores. Only on request.",
  kind: "standard",
  targets: ALL_TARGETS,
  dtypes: ["float16", "bfloat16", "float32"],
  kvCacheDtypes: ["auto", "bfloat16"],
  headSizes: { max: 256, multipleOf: 8 },
  numHeads: {},
  queriesPerKv: {},
  blockSizes: {},
  attentionTypes: ["decoder", "encoder_only"],
  slidingWindow: true,
  alibi: true,
  logitsSoftCap: true,
  sinks: true,
  flex: true,
  batchInvariant: true,
  kvCacheLayouts: ["halves"],
  lse: true,
  fp8Output: false,
  graphs: "always",
  ...flexPhases(),
  cacheWrite: [
    { launches: launches("hip:reshape_and_cache_flash"), limits: { dtypes: ["float16", "bfloat16"] } },
    { launches: launches("triton:reshape_and_cache_flash") },
  ],
  differences: {
    headSizes: "vLLM takes any size.",
    alibi: "vLLM refuses ALiBi.",
    logitsSoftCap: "vLLM refuses a soft cap.",
    sinks: "vLLM accepts sinks and ignores them.",
    flex: "vLLM does not let a model bring functions of its own.",
    lse: "vLLM's does not give it.",
    graphs: "vLLM's cannot be captured.",
  },
};
