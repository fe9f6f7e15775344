import type { Json } from "./json.js";

/** A family of models: whatever its config.json leaves unsaid about attention. */
export interface Family {
  /** Values of the fields that a config.json may leave out, as the family's class in transformers has them. */
  readonly defaults?: Json;
  /** Every how many layers one has full attention while the others have the window, where layer_types is absent. */
  readonly fullEvery?: number;
  /** Its windows follow from layer_types alone. */
  readonly windowsByType?: true;
  /** One latent per token is cached. */
  readonly mla?: true;
  readonly sinks?: true;
  readonly encoder?: true;
  readonly alibi?: (config: Json) => boolean;
}

const LLAMA = shape(4096, 32, 32);
const MISTRAL = { ...shape(4096, 32, 32, 8), sliding_window: 4096 };
const QWEN_WINDOW = { use_sliding_window: false, sliding_window: 4096 };
const QWEN2 = { ...shape(4096, 32, 32, 32), ...QWEN_WINDOW, max_window_layers: 28 };
const QWEN3 = { ...QWEN2, head_dim: 128 };
const QWEN3_MOE = { ...shape(2048, 24, 32, 4), ...QWEN_WINDOW };
const QWEN2_VL = { ...shape(8192, 80, 64, 8), ...QWEN_WINDOW, max_window_layers: 80 };
const QWEN3_VL = { ...shape(4096, 32, 32, 32), head_dim: 128 };
const GLM4 = { ...shape(4096, 40, 32, 2), head_dim: 128 };
const GRANITE = { ...LLAMA, attention_multiplier: 1 };
const DEEPSEEK_V3 = {
  ...shape(7168, 61, 128, 128),
  kv_lora_rank: 512,
  qk_nope_head_dim: 128,
  qk_rope_head_dim: 64,
  v_head_dim: 128,
};
const BERT = shape(768, 12, 12);

/** The families whose attention this package knows. Others could have features that nobody would notice to be missing. */
export const FAMILIES: Readonly<Record<string, Family>> = {
  llama: { defaults: LLAMA },
  mixtral: { defaults: shape(4096, 32, 32, 8) },
  mistral: { defaults: MISTRAL },
  ministral: { defaults: MISTRAL },
  phi: { defaults: shape(2048, 24, 32) },
  phi3: { defaults: shape(3072, 32, 32) },
  phimoe: { defaults: shape(4096, 32, 32, 8) },
  opt: { defaults: shape(768, 12, 12) },
  gpt2: { defaults: shape(768, 12, 12) },
  gptj: { defaults: shape(4096, 28, 16) },
  gpt_neox: { defaults: shape(6144, 44, 64) },
  gpt_bigcode: { defaults: { ...shape(768, 12, 12), multi_query: true } },
  gemma: { defaults: { ...shape(3072, 28, 16, 16), head_dim: 256 } },
  stablelm: { defaults: shape(2560, 32, 32, 32) },
  starcoder2: { defaults: shape(3072, 30, 24, 2) },
  olmo: { defaults: LLAMA },
  olmo2: { defaults: LLAMA },
  olmoe: { defaults: shape(2048, 16, 16) },
  granite: { defaults: GRANITE },
  granitemoe: { defaults: GRANITE },
  cohere: { defaults: shape(8192, 40, 64) },
  cohere2: { defaults: { ...shape(8192, 40, 64), sliding_window: 4096 }, fullEvery: 4 },
  internlm2: {},
  internlm3: {},
  smollm3: { defaults: { ...shape(2048, 36, 16, 4), use_sliding_window: false }, windowsByType: true },
  glm: { defaults: GLM4 },
  glm4: { defaults: GLM4 },
  glm4_moe: { defaults: shape(4096, 46, 96, 8) },
  exaone: {},
  nemotron: { defaults: shape(6144, 32, 48) },
  deepseek: {},
  deepseek_v2: { defaults: { ...DEEPSEEK_V3, ...LLAMA }, mla: true },
  deepseek_v3: { defaults: DEEPSEEK_V3, mla: true },
  kimi_k2: { mla: true },
  minicpm: {},
  minicpm3: {},
  seed_oss: { defaults: { ...shape(4096, 64, 80, 8), head_dim: 128 } },
  dots1: { defaults: { ...shape(4608, 62, 32, 32), sliding_window: 4096, max_window_layers: 62 } },
  qwen2: { defaults: QWEN2 },
  qwen2_moe: { defaults: { ...shape(2048, 24, 16, 16), ...QWEN_WINDOW, max_window_layers: 28 } },
  qwen2_vl: { defaults: QWEN2_VL },
  qwen2_vl_text: { defaults: QWEN2_VL },
  qwen2_5_vl: { defaults: QWEN2_VL },
  qwen2_5_vl_text: { defaults: QWEN2_VL },
  qwen3: { defaults: QWEN3 },
  qwen3_moe: { defaults: QWEN3_MOE },
  qwen3_vl_text: { defaults: QWEN3_VL },
  gemma2: {
    defaults: {
      ...shape(2304, 26, 8, 4),
      head_dim: 256,
      query_pre_attn_scalar: 256,
      attn_logit_softcapping: 50,
      sliding_window: 4096,
    },
    fullEvery: 2,
  },
  gemma3_text: {
    defaults: {
      ...shape(2304, 26, 8, 4),
      head_dim: 256,
      query_pre_attn_scalar: 256,
      sliding_window: 4096,
    },
    fullEvery: 6,
  },
  gpt_oss: {
    defaults: { ...shape(2880, 36, 64, 8), head_dim: 64, sliding_window: 128 },
    sinks: true,
    fullEvery: 2,
  },
  bloom: { alibi: () => true },
  mpt: {
    defaults: shape(2048, 24, 16),
    alibi: (config) => (config.attn_config as Json | undefined)?.alibi !== false,
  },
  falcon: {
    defaults: { ...shape(4544, 32, 71), multi_query: true },
    alibi: (config) => config.alibi === true,
  },
  bert: { defaults: BERT, encoder: true },
  roberta: { defaults: BERT, encoder: true },
  "xlm-roberta": { defaults: BERT, encoder: true },
  nomic_bert: { encoder: true },
};

/**
 * Models that have their language model under text_config, with its family where text_config names none. Others may
 * attend differently around images: PaliGemma's prefix sees itself in both directions.
 */
export const COMPOSITES: Readonly<Record<string, string>> = {
  llava: "llama",
  llava_next: "llama",
  llava_onevision: "qwen2",
  vipllava: "llama",
  mistral3: "mistral",
  gemma3: "gemma3_text",
  aya_vision: "cohere2",
  idefics3: "llama",
  smolvlm: "llama",
  internvl: "qwen2",
  qwen2_audio: "qwen2",
  qwen2_vl: "qwen2_vl_text",
  qwen2_5_vl: "qwen2_5_vl_text",
  qwen3_vl: "qwen3_vl_text",
};

function shape(hiddenSize: number, layers: number, heads: number, kvHeads?: number): Json {
  return {
    hidden_size: hiddenSize,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    ...(kvHeads === undefined ? {} : { num_key_value_heads: kvHeads }),
  };
}
