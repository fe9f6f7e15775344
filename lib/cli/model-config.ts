import type { AttentionConfig, ComputeDType, KvCacheDType, MlaAttentionConfig } from "../config.js";
import { invalidArgument, RocmAttentionError } from "../errors.js";

/** Some layers of a model that have the same attention. */
export interface LayerKind {
  /** "all 32 layers", "21 of 42 layers: sliding window 4096". */
  name: string;
  layers: number;
  config: AttentionConfig | MlaAttentionConfig;
}

/** What the command line adds to a model. */
export interface Deployment {
  tensorParallel: number;
  blockSize?: number;
  kvCacheDtype?: KvCacheDType;
}

type Json = Readonly<Record<string, unknown>>;

/** What the fields of config.json leave unsaid about a family of models. */
interface Family {
  /** Every how many layers one has full attention while the others have the window, where layer_types is absent. */
  fullEvery?: number;
  /** Its config.json may have a sliding_window that only use_sliding_window switches on. */
  windowSwitch?: true;
  sinks?: true;
  encoder?: true;
  alibi?: (config: Json) => boolean;
  /** Its head size is not hidden size / heads and stands in no field. */
  headSize?: number;
}

/** The families whose attention this package knows. Others could have features that nobody would notice to be missing. */
const FAMILIES: Readonly<Record<string, Family>> = {
  ...plain(
    "llama",
    "mixtral",
    "mistral",
    "ministral",
    "phi",
    "phi3",
    "phimoe",
    "opt",
    "gpt2",
    "gptj",
    "gpt_neox",
  ),
  ...plain(
    "gpt_bigcode",
    "gemma",
    "stablelm",
    "starcoder2",
    "olmo",
    "olmo2",
    "olmoe",
    "granite",
    "granitemoe",
  ),
  ...plain("cohere", "internlm2", "internlm3", "smollm3", "glm", "glm4", "glm4_moe", "exaone", "nemotron"),
  ...plain("deepseek", "deepseek_v2", "deepseek_v3", "kimi_k2", "minicpm", "minicpm3", "seed_oss", "dots1"),
  qwen2: { windowSwitch: true },
  qwen2_moe: { windowSwitch: true },
  qwen3: { windowSwitch: true },
  qwen3_moe: { windowSwitch: true },
  gemma2: { fullEvery: 2, headSize: 256 },
  gemma3_text: { fullEvery: 6, headSize: 256 },
  cohere2: { fullEvery: 4 },
  gpt_oss: { sinks: true, fullEvery: 2 },
  bloom: { alibi: () => true },
  mpt: { alibi: (config) => object(config.attn_config).alibi === true },
  falcon: { alibi: (config) => config.alibi === true },
  bert: { encoder: true },
  roberta: { encoder: true },
  "xlm-roberta": { encoder: true },
  nomic_bert: { encoder: true },
};

/** Models whose cache holds one latent per token. */
const MLA_FAMILIES = ["deepseek_v2", "deepseek_v3", "kimi_k2"];

function plain(...names: string[]): Record<string, Family> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}

/**
 * The kinds of attention in a model: its config.json as Hugging Face has it, divided over the GPUs. Throws
 * ERR_INVALID_ARGUMENT where a field is missing or wrong, or where the family is not known.
 */
export function layerKinds(config: Json, deployment: Deployment): LayerKind[] {
  const inner = config.text_config === undefined ? config : object(config.text_config);
  const type = inner.model_type ?? config.model_type;
  if (typeof type !== "string") throw modelError("has no model_type: is it a config.json of Hugging Face?");
  if (inner.index_topk !== undefined) {
    throw modelError(
      `is of type ${type} with sparse attention (index_topk), which this package does not have`,
    );
  }
  const family = Object.hasOwn(FAMILIES, type) ? FAMILIES[type]! : undefined;
  if (family === undefined) {
    throw modelError(`is of type ${type}, whose attention is not known here`, Object.keys(FAMILIES));
  }
  const numLayers = integer(inner, "num_hidden_layers", "n_layer", "n_layers", "num_layers");
  const totalHeads = integer(inner, "num_attention_heads", "n_head", "n_heads", "num_heads");
  const numHeads = divided(totalHeads, deployment.tensorParallel);
  const common = {
    numHeads,
    dtype: dtypeOf(inner.dtype ?? inner.torch_dtype ?? config.dtype ?? config.torch_dtype),
    blockSize: deployment.blockSize,
    kvCacheDtype: deployment.kvCacheDtype,
  };
  if (MLA_FAMILIES.includes(type) && typeof inner.kv_lora_rank === "number") {
    return [{ name: all(numLayers), layers: numLayers, config: { ...common, ...latent(inner) } }];
  }
  const standard: AttentionConfig = {
    ...common,
    ...heads(inner, family, totalHeads, deployment.tensorParallel),
    ...features(inner, family, numHeads),
  };
  return byWindow(inner, family, numLayers, standard);
}

function heads(config: Json, family: Family, totalHeads: number, tensorParallel: number) {
  const single = config.multi_query === true && config.new_decoder_architecture !== true;
  const numKvHeads =
    optionalInteger(config, "num_key_value_heads", "num_kv_heads") ??
    optionalInteger(object(config.attn_config), "kv_n_heads") ??
    (single ? 1 : totalHeads);
  return {
    numKvHeads: replicated(numKvHeads, tensorParallel),
    headSize:
      optionalInteger(config, "head_dim", "kv_channels") ??
      family.headSize ??
      divided(integer(config, "hidden_size", "n_embd", "d_model"), totalHeads),
  };
}

function features(config: Json, family: Family, numHeads: number): Partial<AttentionConfig> {
  const scalar = optionalNumber(config, "query_pre_attn_scalar");
  const scale = scalar === undefined ? optionalNumber(config, "attention_multiplier") : 1 / Math.sqrt(scalar);
  return {
    ...(scale === undefined ? {} : { scale }),
    logitsSoftCap: optionalNumber(config, "attn_logit_softcapping"),
    ...(family.sinks ? { sinks: true } : {}),
    ...(family.encoder ? { attentionType: "encoder_only" } : {}),
    ...(family.alibi?.(config) ? { alibiSlopes: alibiSlopes(numHeads) } : {}),
  };
}

function latent(config: Json) {
  const qkNopeHeadDim = integer(config, "qk_nope_head_dim");
  const qkRopeHeadDim = integer(config, "qk_rope_head_dim");
  // YaRN lengthens the context and sharpens the softmax for it: mscale of the DeepSeek models, squared.
  const rope = object(config.rope_scaling);
  const [factor, all] = [optionalNumber(rope, "factor") ?? 1, optionalNumber(rope, "mscale_all_dim") ?? 0];
  const mscale = factor > 1 ? 0.1 * all * Math.log(factor) + 1 : 1;
  return {
    kvLoraRank: integer(config, "kv_lora_rank"),
    qkNopeHeadDim,
    qkRopeHeadDim,
    vHeadDim: integer(config, "v_head_dim"),
    scale: (mscale * mscale) / Math.sqrt(qkNopeHeadDim + qkRopeHeadDim),
  };
}

/** Splits the layers into those with a sliding window and those without. */
function byWindow(config: Json, family: Family, numLayers: number, standard: AttentionConfig): LayerKind[] {
  const isOff = family.windowSwitch === true && config.use_sliding_window !== true;
  const window = isOff ? undefined : optionalInteger(config, "sliding_window");
  const windowed = window === undefined ? 0 : windowedLayers(config, family, numLayers);
  const kinds: LayerKind[] = [];
  if (windowed > 0) {
    const amount = windowed === numLayers ? all(numLayers) : `${windowed} of ${numLayers} layers`;
    kinds.push({
      name: `${amount}: sliding window ${window}`,
      layers: windowed,
      config: { ...standard, slidingWindow: window },
    });
  }
  if (windowed < numLayers) {
    const name =
      windowed === 0 ? all(numLayers) : `${numLayers - windowed} of ${numLayers} layers: full attention`;
    kinds.push({ name, layers: numLayers - windowed, config: standard });
  }
  return kinds;
}

function windowedLayers(config: Json, family: Family, numLayers: number): number {
  const { layer_types: types } = config;
  if (Array.isArray(types)) return types.filter((type) => type === "sliding_attention").length;
  const fullEvery = optionalInteger(config, "sliding_window_pattern") ?? family.fullEvery;
  if (fullEvery !== undefined) return numLayers - Math.floor(numLayers / fullEvery);
  const firstWindowed = family.windowSwitch ? (optionalInteger(config, "max_window_layers") ?? 0) : 0;
  return Math.max(numLayers - firstWindowed, 0);
}

function all(numLayers: number): string {
  return `all ${numLayers} layers`;
}

/** Slopes of ALiBi's paper: 2^(-8 i / n) for n a power of two; for others every second of twice as many fill up. */
function alibiSlopes(numHeads: number): number[] {
  const power = 2 ** Math.floor(Math.log2(numHeads));
  const slopes = Array.from({ length: power }, (_, head) => 2 ** ((-8 * (head + 1)) / power));
  const rest = Array.from({ length: numHeads - power }, (_, head) => 2 ** ((-4 * (2 * head + 1)) / power));
  return [...slopes, ...rest];
}

/** vLLM's dtype "auto": the checkpoint's own, and bfloat16 instead of float32. */
function dtypeOf(dtype: unknown): ComputeDType {
  if (dtype === "float16" || dtype === "bfloat16") return dtype;
  if (dtype === undefined || dtype === null || dtype === "float32") return "bfloat16";
  throw modelError(`has the dtype ${JSON.stringify(dtype)}; known are float16, bfloat16 and float32`);
}

function divided(heads: number, parts: number): number {
  if (heads % parts === 0) return heads / parts;
  throw invalidArgument("--tp", `a divisor of the model's ${heads} query heads`, parts);
}

/** With more GPUs than key-value heads each head is on several of them. */
function replicated(numKvHeads: number, tensorParallel: number): number {
  if (numKvHeads % tensorParallel === 0) return numKvHeads / tensorParallel;
  if (tensorParallel % numKvHeads === 0) return 1;
  throw invalidArgument(
    "--tp",
    `a divisor or a multiple of the model's ${numKvHeads} key-value heads`,
    tensorParallel,
  );
}

function integer(config: Json, ...names: string[]): number {
  const value = optionalInteger(config, ...names);
  if (value === undefined) throw modelError(`lacks ${names[0]}`);
  return value;
}

function optionalInteger(config: Json, ...names: string[]): number | undefined {
  const value = optionalNumber(config, ...names);
  if (value === undefined || (Number.isSafeInteger(value) && value > 0)) return value;
  throw modelError(
    `has ${value} for ${names.find((name) => config[name] === value)}; expected a positive integer`,
  );
}

/** The first of the fields that is there; null counts as absent. */
function optionalNumber(config: Json, ...names: string[]): number | undefined {
  const name = names.find((other) => config[other] !== undefined && config[other] !== null);
  if (name === undefined) return undefined;
  const value = config[name];
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw modelError(`has ${JSON.stringify(value)} for ${name}; expected a number`);
}

function object(value: unknown): Json {
  return typeof value === "object" && value !== null ? (value as Json) : {};
}

function modelError(what: string, known?: readonly string[]): RocmAttentionError {
  const list = known === undefined ? "" : `. Known are: ${known.join(", ")}`;
  return new RocmAttentionError("ERR_INVALID_ARGUMENT", `the model ${what}${list}`, { argument: "model" });
}
