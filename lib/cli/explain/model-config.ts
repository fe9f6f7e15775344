import type { AttentionConfig, ComputeDType, KvCacheDType, MlaAttentionConfig } from "../../config.js";
import { invalidArgument, type RocmAttentionError } from "../../errors.js";
import { COMPOSITES, FAMILIES, type Family } from "./families.js";
import type { Json } from "./json.js";
import {
  integer,
  modelError,
  object,
  optionalInteger,
  optionalNumber,
  strangeFields,
  withDefaults,
} from "./model-fields.js";

/** Some layers of a model that have the same attention. */
export interface LayerKind {
  /** "all 32 layers", "21 of 42 layers: sliding window 4096". */
  name: string;
  layers: number;
  config: AttentionConfig | MlaAttentionConfig;
}

/** The command line's additions to a model. */
export interface Deployment {
  tensorParallel: number;
  /** Default: the checkpoint's. */
  dtype?: ComputeDType | undefined;
  blockSize?: number | undefined;
  kvCacheDtype?: KvCacheDType | undefined;
  /** Every layer attends to the whole context. */
  disableSlidingWindow?: boolean | undefined;
}

/**
 * The kinds of attention in a model: its config.json as Hugging Face has it, divided over the GPUs. Throws
 * ERR_INVALID_ARGUMENT where a field is missing or wrong, where the family is not known, and where a field changes
 * attention in a way that is not known here.
 */
export function layerKinds(file: Json, deployment: Deployment): LayerKind[] {
  const { family, config } = languageModel(file);
  const numLayers = integer(config, "num_hidden_layers");
  const totalHeads = integer(config, "num_attention_heads");
  const numHeads = divided(totalHeads, deployment.tensorParallel);
  const common = {
    numHeads,
    dtype: deployment.dtype ?? dtypeOf(config.dtype ?? config.torch_dtype ?? file.dtype ?? file.torch_dtype),
    blockSize: deployment.blockSize,
    kvCacheDtype: deployment.kvCacheDtype,
  };
  if (family.mla === true && typeof config.kv_lora_rank === "number") {
    return [{ name: all(numLayers), layers: numLayers, config: { ...common, ...latent(config) } }];
  }
  const standard: AttentionConfig = {
    ...common,
    ...heads(config, totalHeads, deployment.tensorParallel),
    ...features(config, family, totalHeads, numHeads),
  };
  const window = deployment.disableSlidingWindow ? undefined : windowOf(config);
  return byWindow(config, family, numLayers, standard, window);
}

/** The part of a config.json that describes the language model, with the defaults of its family. */
function languageModel(file: Json): { family: Family; config: Json } {
  const outer = file.model_type;
  const isNested = file.text_config !== undefined && file.text_config !== null;
  const text = isNested ? object(file.text_config) : file;
  if (isNested && typeof outer === "string" && !isKnown(outer)) throw unknownFamily(outer, text);
  const inner = typeof outer === "string" && Object.hasOwn(COMPOSITES, outer) ? COMPOSITES[outer] : undefined;
  const type = isNested ? (text.model_type ?? inner) : outer;
  if (typeof type !== "string") throw modelError("has no model_type: is it a config.json of Hugging Face?");
  if (!Object.hasOwn(FAMILIES, type)) throw unknownFamily(type, text);
  const family = FAMILIES[type]!;
  const config = withDefaults(text, family.defaults);
  const strange = [...strangeFields(config), ...strangeFields(object(config.attn_config))];
  if (strange.length === 0) return { family, config };
  throw modelError(`has ${strange.join(", ")}, which changes attention in a way that is not known here`);
}

function isKnown(type: string): boolean {
  return Object.hasOwn(FAMILIES, type) || Object.hasOwn(COMPOSITES, type);
}

function unknownFamily(type: string, text: Json): RocmAttentionError {
  const strange = strangeFields(text);
  const because = strange.length === 0 ? "" : ` (it has ${strange.join(", ")})`;
  const known = Object.keys({ ...FAMILIES, ...COMPOSITES }).join(", ");
  return modelError(`is of type ${type}, whose attention is not known here${because}. Known are: ${known}`);
}

function heads(config: Json, totalHeads: number, tensorParallel: number) {
  const numKvHeads =
    config.multi_query === true && config.new_decoder_architecture !== true
      ? 1
      : (optionalInteger(config, "num_key_value_heads") ??
        optionalInteger(object(config.attn_config), "kv_n_heads") ??
        totalHeads);
  return { numKvHeads: replicated(numKvHeads, tensorParallel), headSize: headSizeOf(config, totalHeads) };
}

/** Queries with a part without position and one with are as long as both together. */
function headSizeOf(config: Json, totalHeads: number): number {
  const [nope, rope] = [
    optionalInteger(config, "qk_nope_head_dim"),
    optionalInteger(config, "qk_rope_head_dim"),
  ];
  if (nope !== undefined && rope !== undefined) return nope + rope;
  return optionalInteger(config, "head_dim") ?? Math.floor(integer(config, "hidden_size") / totalHeads);
}

function features(
  config: Json,
  family: Family,
  totalHeads: number,
  numHeads: number,
): Partial<AttentionConfig> {
  const scale = scaleOf(config);
  const seesAll = config.is_causal === false || (family.encoder === true && config.is_decoder !== true);
  return {
    ...(scale === undefined ? {} : { scale }),
    logitsSoftCap: optionalNumber(config, "attn_logit_softcapping"),
    ...(family.sinks ? { sinks: true } : {}),
    ...(seesAll ? { attentionType: "encoder_only" } : {}),
    ...(family.alibi?.(config) ? { alibiSlopes: alibiSlopes(totalHeads).slice(0, numHeads) } : {}),
  };
}

/** The factor of the scores, where it is not 1 / sqrt(head size). */
function scaleOf(config: Json): number | undefined {
  const scalar = optionalNumber(config, "query_pre_attn_scalar");
  if (scalar !== undefined) return 1 / Math.sqrt(scalar);
  if (config.scale_attn_weights === false) return 1;
  return (
    optionalNumber(config, "attention_multiplier") ??
    optionalNumber(object(config.attn_config), "softmax_scale")
  );
}

function latent(config: Json) {
  const qkNopeHeadDim = integer(config, "qk_nope_head_dim");
  const qkRopeHeadDim = integer(config, "qk_rope_head_dim");
  const mscale = yarnScale(ropeOf(config));
  return {
    kvLoraRank: integer(config, "kv_lora_rank"),
    qkNopeHeadDim,
    qkRopeHeadDim,
    vHeadDim: integer(config, "v_head_dim"),
    scale: (mscale * mscale) / Math.sqrt(qkNopeHeadDim + qkRopeHeadDim),
  };
}

/** Rotary position's parameters: rope_scaling, or rope_parameters since transformers 5, there possibly by type of layer. */
function ropeOf(config: Json): Json {
  const rope = object(config.rope_scaling ?? config.rope_parameters);
  return typeof rope.full_attention === "object" ? object(rope.full_attention) : rope;
}

/** YaRN lengthens the context and sharpens the softmax for it: mscale of the DeepSeek models, whose square is a factor of the scores. */
function yarnScale(rope: Json): number {
  const factor = optionalNumber(rope, "factor") ?? 1;
  const perLog = 0.1 * (optionalNumber(rope, "mscale_all_dim") ?? 0);
  return (rope.rope_type ?? rope.type) === "default" || factor <= 1 ? 1 : perLog * Math.log(factor) + 1;
}

function windowOf(config: Json): number | undefined {
  return config.use_sliding_window === false ? undefined : optionalInteger(config, "sliding_window");
}

/** Splits the layers into those with a sliding window and those without. */
function byWindow(
  config: Json,
  family: Family,
  numLayers: number,
  standard: AttentionConfig,
  window: number | undefined,
): LayerKind[] {
  const slidingLayers = windowedLayers(config, family, numLayers);
  const windowed = window === undefined ? 0 : slidingLayers;
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

/** The number of layers with the window, if there is one. */
function windowedLayers(config: Json, family: Family, numLayers: number): number {
  const { layer_types: types } = config;
  if (Array.isArray(types)) return slidingTypes(types, numLayers);
  if (family.windowsByType && windowOf(config) !== undefined)
    throw modelError("has a window, but no layer_types");
  const fullEvery =
    optionalInteger(config, "sliding_window_pattern") ??
    optionalInteger(config, "_sliding_window_pattern") ??
    family.fullEvery;
  if (fullEvery !== undefined) return numLayers - Math.floor(numLayers / fullEvery);
  return Math.max(numLayers - (optionalNumber(config, "max_window_layers") ?? 0), 0);
}

function slidingTypes(types: readonly unknown[], numLayers: number): number {
  const other = types.find((type) => type !== "sliding_attention" && type !== "full_attention");
  if (other !== undefined)
    throw modelError(`has ${JSON.stringify(other)} among its layer_types, which is not known here`);
  if (types.length !== numLayers) {
    throw modelError(`has ${types.length} layer_types for its ${numLayers} layers`);
  }
  return types.filter((type) => type === "sliding_attention").length;
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
  throw invalidArgument("--tensor-parallel-size", `a divisor of the model's ${heads} query heads`, parts);
}

/** With more GPUs than key-value heads each head is on several of them. */
function replicated(numKvHeads: number, tensorParallel: number): number {
  if (numKvHeads % tensorParallel === 0) return numKvHeads / tensorParallel;
  if (tensorParallel % numKvHeads === 0) return 1;
  throw invalidArgument(
    "--tensor-parallel-size",
    `a divisor or a multiple of the model's ${numKvHeads} key-value heads`,
    tensorParallel,
  );
}
