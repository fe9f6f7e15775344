/**
 * The attention of some public models, as the fields of their config.json on Hugging Face say it. So `explain` takes a
 * model by its name without a network.
 */
export const MODEL_PRESETS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "meta-llama/Llama-3.1-8B-Instruct": {
    model_type: "llama",
    hidden_size: 4096,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    num_hidden_layers: 32,
    torch_dtype: "bfloat16",
  },
  "meta-llama/Llama-3.3-70B-Instruct": {
    model_type: "llama",
    hidden_size: 8192,
    num_attention_heads: 64,
    num_key_value_heads: 8,
    num_hidden_layers: 80,
    torch_dtype: "bfloat16",
  },
  "Qwen/Qwen3-235B-A22B": {
    model_type: "qwen3_moe",
    hidden_size: 4096,
    head_dim: 128,
    num_attention_heads: 64,
    num_key_value_heads: 4,
    num_hidden_layers: 94,
    sliding_window: null,
    use_sliding_window: false,
    torch_dtype: "bfloat16",
  },
  "mistralai/Mixtral-8x7B-Instruct-v0.1": {
    model_type: "mixtral",
    hidden_size: 4096,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    num_hidden_layers: 32,
    sliding_window: null,
    torch_dtype: "bfloat16",
  },
  "google/gemma-2-9b-it": {
    model_type: "gemma2",
    hidden_size: 3584,
    head_dim: 256,
    num_attention_heads: 16,
    num_key_value_heads: 8,
    num_hidden_layers: 42,
    query_pre_attn_scalar: 256,
    attn_logit_softcapping: 50,
    sliding_window: 4096,
    torch_dtype: "bfloat16",
  },
  "openai/gpt-oss-120b": {
    model_type: "gpt_oss",
    hidden_size: 2880,
    head_dim: 64,
    num_attention_heads: 64,
    num_key_value_heads: 8,
    num_hidden_layers: 36,
    sliding_window: 128,
    layer_types: Array.from({ length: 36 }, (_, layer) =>
      layer % 2 === 0 ? "sliding_attention" : "full_attention",
    ),
    torch_dtype: "bfloat16",
  },
  "deepseek-ai/DeepSeek-V3": deepseekV3(),
  "deepseek-ai/DeepSeek-R1": deepseekV3(),
  "deepseek-ai/DeepSeek-V2-Lite": {
    ...deepseekV3(),
    model_type: "deepseek_v2",
    hidden_size: 2048,
    num_attention_heads: 16,
    num_key_value_heads: 16,
    num_hidden_layers: 27,
    q_lora_rank: null,
    rope_scaling: { type: "yarn", factor: 40 },
  },
  "moonshotai/Kimi-K2-Instruct": {
    ...deepseekV3(),
    model_type: "kimi_k2",
    num_attention_heads: 64,
    num_key_value_heads: 64,
    rope_scaling: { type: "yarn", factor: 32, mscale: 1, mscale_all_dim: 1 },
  },
};

function deepseekV3() {
  return {
    model_type: "deepseek_v3",
    hidden_size: 7168,
    num_attention_heads: 128,
    num_key_value_heads: 128,
    num_hidden_layers: 61,
    kv_lora_rank: 512,
    q_lora_rank: 1536,
    qk_nope_head_dim: 128,
    qk_rope_head_dim: 64,
    v_head_dim: 128,
    rope_scaling: { type: "yarn", factor: 40, mscale: 1, mscale_all_dim: 1 },
    torch_dtype: "bfloat16",
  };
}
