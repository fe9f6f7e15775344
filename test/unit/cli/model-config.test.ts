import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readModel } from "../../../lib/cli/explain/model.js";
import { type LayerKind, layerKinds } from "../../../lib/cli/explain/model-config.js";
import { MODEL_PRESETS } from "../../../lib/cli/explain/presets.js";
import { RocmAttentionError } from "../../../lib/errors.js";
import { explain } from "../../../lib/selection/explain.js";

const ONE_GPU = { tensorParallel: 1 };
const LLAMA = {
  model_type: "llama",
  hidden_size: 4096,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  num_hidden_layers: 32,
  torch_dtype: "float16",
};

function preset(name: string, tensorParallel = 1) {
  return layerKinds(readModel(name), { tensorParallel });
}

describe("the presets", () => {
  it.each([
    ["meta-llama/Llama-3.1-8B-Instruct", { numHeads: 32, numKvHeads: 8, headSize: 128, dtype: "bfloat16" }],
    ["meta-llama/Llama-3.3-70B-Instruct", { numHeads: 64, numKvHeads: 8, headSize: 128 }],
    ["Qwen/Qwen3-235B-A22B", { numHeads: 64, numKvHeads: 4, headSize: 128 }],
    ["mistralai/Mixtral-8x7B-Instruct-v0.1", { numHeads: 32, numKvHeads: 8, headSize: 128 }],
    ["deepseek-ai/DeepSeek-V3", { numHeads: 128, kvLoraRank: 512, qkNopeHeadDim: 128, qkRopeHeadDim: 64 }],
    ["deepseek-ai/DeepSeek-R1", { numHeads: 128, kvLoraRank: 512, vHeadDim: 128 }],
  ])("%s has one kind of layer", (name, expected) => {
    const [kind, ...others] = preset(name);
    expect(others).toEqual([]);
    expect(kind!.config).toMatchObject(expected);
    expect(kind!.config).not.toHaveProperty("slidingWindow");
  });

  it.each(["DeepSeek-V3", "DeepSeek-R1", "DeepSeek-V2-Lite", "Kimi-K2-Instruct"])(
    "%s ends in latent attention that this version has kernels for",
    (model) => {
      const name = Object.keys(MODEL_PRESETS).find((preset) => preset.endsWith(`/${model}`))!;
      for (const tensorParallel of [1, 8, 16]) {
        const [{ config }] = preset(name, tensorParallel) as [LayerKind];
        for (const [arch, aiter] of [
          ["gfx942", "1"],
          ["gfx950", "1"],
          ["gfx942", "0"],
          ["gfx90a", "1"],
        ] as const) {
          const { backend, error, candidates } = explain(config, {
            arch,
            env: { VLLM_ROCM_USE_AITER: aiter },
          });
          expect(error).toBeNull();
          expect(backend).toBe(aiter === "1" && arch !== "gfx90a" ? "ROCM_AITER_MLA" : "TRITON_MLA");
          expect(candidates.find(({ chosen }) => chosen)!.kernels).toBe("available");
        }
      }
    },
  );

  it("DeepSeek's scale is YaRN's for 40 times the context", () => {
    const { scale } = preset("deepseek-ai/DeepSeek-V3")[0]!.config;
    expect(scale).toBeCloseTo((0.1 * Math.log(40) + 1) ** 2 / Math.sqrt(192), 12);
  });

  it("gemma-2 caps its scores and has a window in every other layer", () => {
    const shared = { numHeads: 16, numKvHeads: 8, headSize: 256, logitsSoftCap: 50, scale: 1 / 16 };
    expect(preset("google/gemma-2-9b-it")).toMatchObject([
      {
        layers: 21,
        name: "21 of 42 layers: sliding window 4096",
        config: { ...shared, slidingWindow: 4096 },
      },
      { layers: 21, name: "21 of 42 layers: full attention", config: shared },
    ]);
  });

  it("gpt-oss has sinks and a window of 128 in every other layer", () => {
    const shared = { numHeads: 64, numKvHeads: 8, headSize: 64, sinks: true };
    expect(preset("openai/gpt-oss-120b")).toMatchObject([
      { layers: 18, config: { ...shared, slidingWindow: 128 } },
      { layers: 18, config: shared },
    ]);
  });

  it("all find a backend on gfx942", () => {
    for (const name of Object.keys(MODEL_PRESETS)) {
      for (const { config } of preset(name)) {
        expect(explain(config, { env: {}, arch: "gfx942" })).toMatchObject({ error: null });
      }
    }
  });
});

describe("tensor parallelism", () => {
  it("divides the heads, and repeats key-value heads where there are more GPUs", () => {
    expect(preset("meta-llama/Llama-3.3-70B-Instruct", 4)[0]!.config).toMatchObject({
      numHeads: 16,
      numKvHeads: 2,
    });
    expect(preset("Qwen/Qwen3-235B-A22B", 8)[0]!.config).toMatchObject({ numHeads: 8, numKvHeads: 1 });
    expect(preset("deepseek-ai/DeepSeek-R1", 8)[0]!.config).toMatchObject({ numHeads: 16 });
  });

  it("refuses what does not divide", () => {
    expect(() => preset("meta-llama/Llama-3.1-8B-Instruct", 5)).toThrow(
      /divisor of the model's 32 query heads/,
    );
    const six = { ...LLAMA, num_attention_heads: 36, num_key_value_heads: 6, head_dim: 128 };
    expect(() => layerKinds(six, { tensorParallel: 9 })).toThrow(/model's 6 key-value heads/);
  });
});

describe("a config.json", () => {
  const kinds = (config: Record<string, unknown>) => layerKinds(config, ONE_GPU);
  const only = (config: Record<string, unknown>) => kinds(config)[0]!.config;

  it("gives the head size or lets it be derived", () => {
    expect(only(LLAMA)).toMatchObject({ headSize: 128, dtype: "float16" });
    expect(only({ ...LLAMA, head_dim: 64 })).toMatchObject({ headSize: 64 });
    expect(only({ ...LLAMA, head_dim: null })).toMatchObject({ headSize: 128 });
  });

  it("has as many key-value heads as query heads where it names none, or one where it says so", () => {
    const { num_key_value_heads: _, ...without } = LLAMA;
    expect(only(without)).toMatchObject({ numKvHeads: 32 });
    expect(only({ ...LLAMA, num_key_value_heads: null })).toMatchObject({ numKvHeads: 32 });
    expect(only({ ...without, model_type: "gpt_bigcode" })).toMatchObject({ numKvHeads: 1 });
    expect(only({ ...without, model_type: "gpt_bigcode", multi_query: false })).toMatchObject({
      numKvHeads: 32,
    });
  });

  it("may stand under text_config", () => {
    const gemma3 = { ...LLAMA, model_type: "gemma3_text", sliding_window: 1024, num_hidden_layers: 34 };
    expect(kinds({ model_type: "gemma3", torch_dtype: "bfloat16", text_config: gemma3 })).toMatchObject([
      { layers: 29, config: { slidingWindow: 1024 } },
      { layers: 5 },
    ]);
  });

  it("has a window only where it is switched on", () => {
    const qwen = { ...LLAMA, model_type: "qwen2", sliding_window: 32768, max_window_layers: 24 };
    expect(kinds(qwen)).toMatchObject([{ layers: 32, name: "all 32 layers" }]);
    expect(kinds({ ...qwen, use_sliding_window: true })).toMatchObject([
      { layers: 8, config: { slidingWindow: 32768 } },
      { layers: 24 },
    ]);
    expect(kinds({ ...LLAMA, model_type: "mistral", sliding_window: 4096 })).toMatchObject([
      { layers: 32, name: "all 32 layers: sliding window 4096" },
    ]);
  });

  it("gives ALiBi models the slopes of the paper", () => {
    const bloom = { model_type: "bloom", n_layer: 2, n_head: 8, hidden_size: 512 };
    expect(only(bloom)).toMatchObject({ alibiSlopes: [1, 2, 3, 4, 5, 6, 7, 8].map((power) => 2 ** -power) });
    const mpt = { model_type: "mpt", n_layers: 2, n_heads: 12, d_model: 768, attn_config: { alibi: true } };
    const filling = [2 ** -0.5, 2 ** -1.5, 2 ** -2.5, 2 ** -3.5];
    const slopes = [1, 2, 3, 4, 5, 6, 7, 8].map((power) => 2 ** -power).concat(filling);
    expect(only(mpt)).toMatchObject({ alibiSlopes: slopes });
    expect(layerKinds(mpt, { tensorParallel: 2 })[0]!.config).toMatchObject({
      alibiSlopes: slopes.slice(0, 6),
    });
    expect(only({ ...mpt, attn_config: { alibi: false } })).not.toHaveProperty("alibiSlopes");
  });

  it("of an encoder asks for attention without a cache", () => {
    expect(only({ ...LLAMA, model_type: "bert" })).toMatchObject({ attentionType: "encoder_only" });
  });

  it.each([
    ["model_type", {}],
    ["not known here", { ...LLAMA, model_type: "mamba2" }],
    ["lacks num_hidden_layers", { ...LLAMA, num_hidden_layers: null }],
    ["lacks num_attention_heads", { ...LLAMA, num_attention_heads: null }],
    ["lacks hidden_size", { ...LLAMA, hidden_size: null }],
    ["lacks num_hidden_layers", { model_type: "internlm2", num_attention_heads: 32 }],
    ["num_attention_heads; expected a number", { ...LLAMA, num_attention_heads: "32" }],
    ["head_dim; expected a positive integer", { ...LLAMA, head_dim: -1 }],
    ["dtype", { ...LLAMA, torch_dtype: "int8" }],
    ["lacks qk_nope_head_dim", { ...LLAMA, model_type: "kimi_k2", kv_lora_rank: 512 }],
  ])("is refused: %s", (message, config) => {
    expect(() => kinds(config)).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_ARGUMENT", argument: "model" }),
    );
    expect(() => kinds(config)).toThrow(message);
  });

  it("never fails without a code, whatever its fields hold", () => {
    // Keys that turn an object which is written into a text, or looked up by one, into an error.
    const key = fc.oneof(fc.constantFrom("toString", "valueOf", "__proto__", "length"), fc.string());
    const objects = { key, maxDepth: 1 };
    const value = fc.oneof(fc.integer(), fc.string(), fc.constant(null), fc.boolean(), fc.object(objects));
    const fields = Object.keys({
      ...LLAMA,
      ...MODEL_PRESETS["google/gemma-2-9b-it"],
      ...{ layer_types: [], attn_config: {}, rope_parameters: {}, is_causal: true, multi_query: false },
    });
    const change = fc.dictionary(fc.constantFrom(...fields, "text_config", "head_dim"), value);
    fc.assert(
      fc.property(change, (changes) => {
        try {
          layerKinds({ ...LLAMA, ...changes }, ONE_GPU);
        } catch (error) {
          expect(error).toBeInstanceOf(RocmAttentionError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("the file of a model", () => {
  const folder = mkdtempSync(join(tmpdir(), "rocm-attention-model-"));
  const file = join(folder, "config.json");

  it("may be named by itself or by its folder", () => {
    writeFileSync(file, JSON.stringify(LLAMA));
    expect(readModel(file)).toEqual(LLAMA);
    expect(readModel(folder)).toEqual(LLAMA);
  });

  it.each(["{ not JSON", "[1, 2]", "null"])("is refused where it holds %j", (text) => {
    writeFileSync(file, text);
    expect(() => readModel(file)).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }));
  });

  it("is asked for, with the names that are known, where a name is not", () => {
    expect(() => readModel("meta-llama/Llama-3.1-8B-Instrukt")).toThrow(
      /Did you mean meta-llama\/Llama-3.1-8B-Instruct\?[\s\S]*DeepSeek-R1/,
    );
  });
});
