import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { COMPOSITES, FAMILIES } from "../../../lib/cli/explain/families.js";
import { layerKinds } from "../../../lib/cli/explain/model-config.js";
import { coded } from "../../support/coded.js";

type Json = Record<string, unknown>;
const kinds = (config: Json) => layerKinds(config, { tensorParallel: 1 });
const only = (config: Json) => {
  const [kind, ...others] = kinds(config);
  expect(others).toEqual([]);
  return kind!.config;
};

/** deepseek-ai/DeepSeek-V3, but for its rotary position. */
const DEEPSEEK_V3 = {
  architectures: ["DeepseekV3ForCausalLM"],
  attention_bias: false,
  attention_dropout: 0,
  first_k_dense_replace: 3,
  hidden_size: 7168,
  kv_lora_rank: 512,
  max_position_embeddings: 163840,
  model_type: "deepseek_v3",
  moe_layer_freq: 1,
  num_attention_heads: 128,
  num_hidden_layers: 61,
  num_key_value_heads: 128,
  q_lora_rank: 1536,
  qk_nope_head_dim: 128,
  qk_rope_head_dim: 64,
  torch_dtype: "bfloat16",
  v_head_dim: 128,
};

describe("DeepSeek's scale", () => {
  const yarn = { beta_fast: 32, beta_slow: 1, factor: 40, mscale: 1, mscale_all_dim: 1 };

  it.each<[string, Json]>([
    ["as rope_scaling", { rope_scaling: { ...yarn, type: "yarn" }, rope_theta: 10000 }],
    ["as rope_parameters", { rope_parameters: { ...yarn, rope_type: "yarn", rope_theta: 10000 } }],
    [
      "beside a rope_scaling of null",
      { rope_scaling: null, rope_parameters: { ...yarn, rope_type: "yarn" } },
    ],
    [
      "by type of layer",
      {
        rope_parameters: {
          full_attention: { ...yarn, rope_type: "yarn" },
          sliding_attention: { rope_type: "default" },
        },
      },
    ],
  ])("is YaRN's, %s", (_, rope) => {
    expect(only({ ...DEEPSEEK_V3, ...rope }).scale).toBeCloseTo(0.1352, 4);
  });

  it("is that of mscale_all_dim alone, which need not be 1", () => {
    const rope = { type: "yarn", factor: 40, mscale: 1, mscale_all_dim: 0.5 };
    expect(only({ ...DEEPSEEK_V3, rope_scaling: rope }).scale).toBeCloseTo(
      (0.05 * Math.log(40) + 1) ** 2 / Math.sqrt(192),
      12,
    );
    expect(only({ ...DEEPSEEK_V3, rope_scaling: { ...rope, mscale_all_dim: 0 } }).scale).toBeCloseTo(
      0.0722,
      4,
    );
  });

  it("is 1 / sqrt(192) where position is not scaled", () => {
    expect(only(DEEPSEEK_V3).scale).toBeCloseTo(0.0722, 4);
    expect(
      only({ ...DEEPSEEK_V3, rope_parameters: { ...yarn, rope_type: "default", rope_theta: 1e4 } }).scale,
    ).toBeCloseTo(0.0722, 4);
  });
});

describe("key-value heads", () => {
  /** tiiuae/falcon-7b and falcon-40b. */
  const falcon7b = {
    alibi: false,
    hidden_size: 4544,
    model_type: "falcon",
    multi_query: true,
    new_decoder_architecture: false,
    num_attention_heads: 71,
    num_hidden_layers: 32,
    num_kv_heads: 71,
    parallel_attn: true,
    torch_dtype: "bfloat16",
  };
  const falcon40b = {
    ...falcon7b,
    ...{ hidden_size: 8192, num_attention_heads: 128, num_hidden_layers: 60, num_kv_heads: 8 },
    new_decoder_architecture: true,
  };

  it.each([
    ["one with multi_query, whatever num_kv_heads says", falcon7b, { numKvHeads: 1, headSize: 64 }],
    ["num_kv_heads with the new architecture", falcon40b, { numKvHeads: 8, numHeads: 128 }],
    ["num_kv_heads without multi_query", { ...falcon7b, multi_query: false }, { numKvHeads: 71 }],
    [
      "as the older names say",
      { model_type: "falcon", n_layer: 32, n_head: 71, n_head_kv: 71, hidden_size: 4544 },
      { numKvHeads: 1 },
    ],
  ])("of Falcon are %s", (_, config, expected) => {
    expect(only(config)).toMatchObject(expected);
  });
});

describe("a window", () => {
  const windowed = { model_type: "llama", num_hidden_layers: 32, sliding_window: 4096 };

  it("is off in every family where use_sliding_window is false", () => {
    for (const [type, { mla }] of Object.entries(FAMILIES)) {
      if (mla) continue;
      const config = {
        ...windowed,
        hidden_size: 4096,
        num_attention_heads: 32,
        head_dim: 128,
        model_type: type,
      };
      expect(only({ ...config, use_sliding_window: false })).not.toHaveProperty("slidingWindow");
      const on = {
        use_sliding_window: true,
        max_window_layers: 0,
        layer_types: Array(32).fill("sliding_attention"),
      };
      expect(only({ ...config, ...on })).toMatchObject({ slidingWindow: 4096 });
    }
  });

  it("is off where the deployment switches it off", () => {
    const deployment = { tensorParallel: 1, disableSlidingWindow: true };
    expect(layerKinds({ ...windowed, model_type: "mistral" }, deployment)).toMatchObject([
      { layers: 32, name: "all 32 layers" },
    ]);
  });

  it("is that of the layers which layer_types names", () => {
    const layer_types = ["full_attention", ...Array(31).fill("sliding_attention")];
    expect(kinds({ ...windowed, layer_types })).toMatchObject([{ layers: 31 }, { layers: 1 }]);
    expect(() => kinds({ ...windowed, layer_types: ["full_attention"] })).toThrow("1 layer_types for its 32");
  });

  it("of SmolLM3 needs layer_types", () => {
    const smollm3 = { model_type: "smollm3", sliding_window: 2048 };
    expect(only(smollm3)).not.toHaveProperty("slidingWindow");
    expect(() => kinds({ ...smollm3, use_sliding_window: true })).toThrow("no layer_types");
  });
});

describe("class defaults", () => {
  it.each<[string, Json, Json[]]>([
    [
      "google/gemma-3-4b-it",
      {
        model_type: "gemma3",
        mm_tokens_per_image: 256,
        text_config: {
          hidden_size: 2560,
          model_type: "gemma3_text",
          num_hidden_layers: 34,
          rope_scaling: { factor: 8, rope_type: "linear" },
          sliding_window: 1024,
        },
        torch_dtype: "bfloat16",
        vision_config: { hidden_size: 1152, model_type: "siglip_vision_model", num_attention_heads: 16 },
      },
      [
        {
          layers: 29,
          config: { numHeads: 8, numKvHeads: 4, headSize: 256, scale: 1 / 16, slidingWindow: 1024 },
        },
        { layers: 5, config: { numHeads: 8, numKvHeads: 4, headSize: 256, scale: 1 / 16 } },
      ],
    ],
    [
      "llava-hf/llava-1.5-7b-hf",
      {
        image_token_index: 32000,
        model_type: "llava",
        text_config: {
          max_position_embeddings: 4096,
          model_type: "llama",
          torch_dtype: "float16",
          vocab_size: 32064,
        },
        torch_dtype: "float16",
      },
      [{ layers: 32, config: { numHeads: 32, numKvHeads: 32, headSize: 128, dtype: "float16" } }],
    ],
    [
      "mistral-community/pixtral-12b",
      {
        model_type: "llava",
        text_config: {
          head_dim: 128,
          hidden_size: 5120,
          max_position_embeddings: 1024000,
          model_type: "mistral",
          num_hidden_layers: 40,
          num_key_value_heads: 8,
          sliding_window: null,
        },
        vision_config: { head_dim: 64, model_type: "pixtral" },
      },
      [{ layers: 40, name: "all 40 layers", config: { numHeads: 32, numKvHeads: 8, headSize: 128 } }],
    ],
    [
      "Mistral, which has a window unless it says null",
      { model_type: "mistral" },
      [{ layers: 32, config: { numHeads: 32, numKvHeads: 8, slidingWindow: 4096 } }],
    ],
    [
      "Qwen/Qwen2-VL-7B-Instruct",
      {
        ...{ hidden_size: 3584, model_type: "qwen2_vl", num_attention_heads: 28, num_hidden_layers: 28 },
        ...{
          num_key_value_heads: 4,
          max_window_layers: 28,
          sliding_window: 32768,
          use_sliding_window: false,
        },
        ...{ rope_scaling: { type: "mrope", mrope_section: [16, 24, 24] }, torch_dtype: "bfloat16" },
      },
      [{ layers: 28, name: "all 28 layers", config: { numHeads: 28, numKvHeads: 4, headSize: 128 } }],
    ],
    [
      "Gemma 2's cap and scale",
      { model_type: "gemma2" },
      [{ layers: 13, config: { logitsSoftCap: 50 } }, { config: { scale: 1 / 16 } }],
    ],
    [
      "Qwen3's head size",
      { model_type: "qwen3", hidden_size: 1024, num_attention_heads: 16 },
      [{ config: { headSize: 128 } }],
    ],
    [
      "gpt-oss's sinks and window",
      { model_type: "gpt_oss" },
      [{ layers: 18, config: { slidingWindow: 128, sinks: true } }, { layers: 18 }],
    ],
    [
      "GPT-2 without a scale",
      { model_type: "gpt2", scale_attn_weights: false },
      [{ config: { numHeads: 12, headSize: 64, scale: 1 } }],
    ],
    [
      "MPT's own scale and key-value heads",
      { model_type: "mpt", attn_config: { softmax_scale: 0.5, kv_n_heads: 4 } },
      [{ config: { scale: 0.5, numKvHeads: 4 } }],
    ],
    [
      "a dtype that stands outside of text_config",
      { model_type: "llava", torch_dtype: "float16", text_config: { model_type: "llama" } },
      [{ config: { dtype: "float16" } }],
    ],
    [
      "Gemma 3's pattern under its newer name",
      { model_type: "gemma3_text", _sliding_window_pattern: 2 },
      [{ layers: 13 }, { layers: 13 }],
    ],
    [
      "MPT's ALiBi",
      { model_type: "mpt", attn_config: {} },
      [{ config: { numHeads: 16, alibiSlopes: expect.anything() } }],
    ],
    [
      "a text_config without a type",
      { model_type: "llava", text_config: { hidden_size: 5120, num_attention_heads: 40 } },
      [{ config: { numHeads: 40, numKvHeads: 40 } }],
    ],
    [
      "a text_config of null",
      { model_type: "llama", text_config: null },
      [{ config: { numHeads: 32, headSize: 128 } }],
    ],
    [
      "MiniCPM3, whose queries have two parts",
      {
        ...{ model_type: "minicpm3", hidden_size: 2560, num_attention_heads: 40, num_key_value_heads: 40 },
        ...{ num_hidden_layers: 62, qk_nope_head_dim: 64, qk_rope_head_dim: 32, kv_lora_rank: 256 },
      },
      [{ config: { numHeads: 40, headSize: 96 } }],
    ],
  ])("answer for %s", (_, config, expected) => {
    expect(kinds(config)).toMatchObject(expected);
  });

  it.each([
    ["mixtral", { numHeads: 32, numKvHeads: 8, headSize: 128 }],
    ["starcoder2", { numHeads: 24, numKvHeads: 2, headSize: 128 }],
    ["glm4", { numHeads: 32, numKvHeads: 2, headSize: 128 }],
    ["seed_oss", { numHeads: 80, numKvHeads: 8, headSize: 128 }],
    ["smollm3", { numHeads: 16, numKvHeads: 4, headSize: 128 }],
    ["granite", { numHeads: 32, numKvHeads: 32, scale: 1 }],
    ["falcon", { numHeads: 71, numKvHeads: 1, headSize: 64 }],
    ["gpt_bigcode", { numHeads: 12, numKvHeads: 1, headSize: 64 }],
    ["qwen3_moe", { numHeads: 32, numKvHeads: 4, headSize: 64 }],
    ["deepseek_v2", { numHeads: 32, kvLoraRank: 512, vHeadDim: 128 }],
  ])("of %s are those of its class", (type, expected) => {
    expect(only({ model_type: type })).toMatchObject(expected);
  });

  it("of Command R7B leave every fourth layer without a window", () => {
    expect(kinds({ model_type: "cohere2" })).toMatchObject([
      { layers: 30, config: { slidingWindow: 4096 } },
      { layers: 10 },
    ]);
  });

  it.each([
    ["n_embd", { n_embd: 1024, n_head: 16 }],
    ["n_embed", { n_embed: 1024, num_attention_heads: 16 }],
    ["d_model", { d_model: 1024, n_heads: 16 }],
    ["n_embd beside a hidden_size of null", { hidden_size: null, n_embd: 1024, num_heads: 16 }],
    ["kv_channels", { hidden_size: 4096, num_attention_heads: 16, kv_channels: 64 }],
  ])("give way to %s", (_, fields) => {
    expect(only({ model_type: "gptj", ...fields })).toMatchObject({ numHeads: 16, headSize: 64 });
  });

  it("fill up what is absent, and give way to what is there", () => {
    for (const [type, { defaults = {} }] of Object.entries(FAMILIES)) {
      if (defaults.num_hidden_layers === undefined) continue;
      const layers = kinds({ model_type: type }).reduce((sum, kind) => sum + kind.layers, 0);
      expect(layers).toBe(defaults.num_hidden_layers);
      const two = kinds({ model_type: type, num_hidden_layers: 2 }).reduce(
        (sum, kind) => sum + kind.layers,
        0,
      );
      expect(two).toBe(2);
    }
  });

  it("belong to families that there are", () => {
    for (const text of Object.values(COMPOSITES)) expect(Object.keys(FAMILIES)).toContain(text);
  });
});

describe("attention that is not known here is refused by its name", () => {
  it.each<[string, Json]>([
    [
      "dual_chunk_attention_config",
      { model_type: "qwen2", dual_chunk_attention_config: { chunk_size: 262144 } },
    ],
    ["index_topk", { ...DEEPSEEK_V3, model_type: "deepseek_v32", index_topk: 2048 }],
    ["index_topk", { ...DEEPSEEK_V3, index_topk: 2048 }],
    ["attention_chunk_size", { model_type: "llama", attention_chunk_size: 8192 }],
    [
      "linear_attention",
      { model_type: "qwen3", num_hidden_layers: 2, layer_types: ["linear_attention", "full_attention"] },
    ],
    ["chunked_attention", { model_type: "llama", num_hidden_layers: 1, layer_types: ["chunked_attention"] }],
    ["use_bidirectional_attention", { model_type: "gemma3_text", use_bidirectional_attention: true }],
    ["linear_attn_config", { model_type: "kimi_linear", linear_attn_config: { num_heads: 32 } }],
    ["sparse_config", { model_type: "minicpm", sparse_config: { kernel_size: 32 } }],
    ["mamba_d_state", { model_type: "granitemoe", mamba_d_state: 128 }],
    ["add_swa_attention_sink_bias", { model_type: "qwen2", add_swa_attention_sink_bias: true }],
    ["position_embedding_type", { model_type: "bert", position_embedding_type: "relative_key" }],
    ["prefix_lm", { model_type: "mpt", attn_config: { prefix_lm: true } }],
    ["alibi_bias_max", { model_type: "mpt", attn_config: { alibi_bias_max: 16 } }],
    ["scale_attn_by_inverse_layer_idx", { model_type: "gpt2", scale_attn_by_inverse_layer_idx: true }],
    ["paligemma", { model_type: "paligemma", text_config: { model_type: "gemma" } }],
    ["gemma3n_text", { model_type: "gemma3", text_config: { model_type: "gemma3n_text" } }],
  ])("%s", (name, config) => {
    expect(() => kinds(config)).toThrow(coded("ERR_INVALID_ARGUMENT", name));
  });

  it("but not where it is off, nor what changes something else", () => {
    const off = {
      dual_chunk_attention_config: null,
      attention_chunk_size: null,
      use_bidirectional_attention: false,
      chunk_size_feed_forward: 0,
      sparse_config: {},
      attention_bias: true,
      attention_dropout: 0.1,
      attention_probs_dropout_prob: 0.1,
      _attn_implementation: "flash_attention_2",
      use_flash_attn: true,
      attention_softmax_in_fp32: true,
      final_logit_softcapping: 30,
      decoder_sparse_step: 1,
      full_attn_mod: 1,
      qkv_bias: true,
    };
    expect(kinds({ model_type: "llama", ...off })).toEqual(kinds({ model_type: "llama" }));
  });

  it("as is every field that tells of it, in every family", () => {
    const word = fc.constantFrom("attn", "attention", "window", "sparse", "sink", "alibi", "chunk", "causal");
    const name = fc
      .tuple(word, fc.stringMatching(/^_[a-z]{3,8}$/))
      .map(([part, rest]) => `use_${part}${rest}`);
    fc.assert(
      fc.property(name, fc.constantFrom(...Object.keys(FAMILIES)), (field, type) => {
        expect(() => kinds({ model_type: type, [field]: true })).toThrow(
          coded("ERR_INVALID_ARGUMENT", field),
        );
      }),
    );
  });
});

describe("attention in both directions", () => {
  it("is that of encoders, and of decoders that are not causal", () => {
    expect(only({ model_type: "bert", position_embedding_type: "absolute" })).toMatchObject({
      attentionType: "encoder_only",
    });
    expect(only({ model_type: "qwen2", is_causal: false })).toMatchObject({ attentionType: "encoder_only" });
    expect(only({ model_type: "qwen2", is_causal: true })).not.toHaveProperty("attentionType");
    expect(only({ model_type: "bert", is_decoder: true })).not.toHaveProperty("attentionType");
  });
});
