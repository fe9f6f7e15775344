import { RocmAttentionError } from "../../errors.js";
import { isObject, type Json } from "./json.js";

/** One name for what families call differently: the first of the names that has a value. */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  hidden_size: ["n_embd", "n_embed", "d_model"],
  num_hidden_layers: ["n_layer", "n_layers", "num_layers"],
  num_attention_heads: ["n_head", "n_heads", "num_heads"],
  num_key_value_heads: ["num_kv_heads", "n_head_kv"],
  head_dim: ["kv_channels"],
};

/** The fields of a config.json over a family's defaults, each under one name; null overrides a default, as in transformers. */
export function withDefaults(config: Json, defaults: Json = {}): Json {
  const named: Record<string, unknown> = { ...config };
  for (const [name, aliases] of Object.entries(ALIASES)) {
    const present = [name, ...aliases].find((other) => config[other] !== undefined && config[other] !== null);
    if (present !== undefined) named[name] = config[present];
  }
  return { ...defaults, ...named };
}

/** Names of fields that tell of attention: each must be understood, harmless or off. */
const ABOUT_ATTENTION =
  /attn|attention|window|chunk|sparse|sink|alibi|softcap|causal|bidirectional|prefix_lm|mamba|ssm_|recurrent|kv_|index_|lightning|layer_types|block_type|hybrid|position_embedding_type|is_encoder_decoder/;

const UNDERSTOOD: ReadonlySet<string> = new Set([
  ...["attn_config", "attn_logit_softcapping", "query_pre_attn_scalar", "attention_multiplier"],
  ...["sliding_window", "use_sliding_window", "sliding_window_pattern", "_sliding_window_pattern"],
  ...["max_window_layers", "layer_types", "alibi", "is_causal", "scale_attn_weights"],
  ...[
    "num_attention_heads",
    "num_kv_heads",
    "n_head_kv",
    "kv_channels",
    "kv_lora_rank",
    "kv_n_heads",
    "softmax_scale",
  ],
]);

/** Fields that change products beside attention, training or the way in which it is computed, but not what is computed. */
const HARMLESS =
  /dropout|pdrop|flash|implementation|_impl$|fp32|upcast|^attention_bias$|^(attention|attn)_(qkv|out|o)_bias$|^qkv_(proj_)?bias$|^output_attentions$|^parallel_attn$|^num_ln_in_parallel_attn$|^final_logit_softcapping$|^decoder_sparse_step$|^pre_allocate_kv_cache$/;

/** Values that say what goes without saying. */
const ORDINARY: Readonly<Record<string, readonly unknown[]>> = {
  position_embedding_type: ["absolute", "rope", "rotary"],
  attn_type: ["multihead_attention", "grouped_query_attention"],
  alibi_bias_max: [8],
  sliding_window_size: [-1],
  full_attn_mod: [1],
};

/** The fields of a config.json that change attention in a way that is not known here. */
export function strangeFields(config: Json): string[] {
  return Object.entries(config)
    .filter(([name, value]) => ABOUT_ATTENTION.test(name) && !isOff(value))
    .filter(([name, value]) => ORDINARY[name]?.includes(value) !== true)
    .map(([name]) => name)
    .filter((name) => !UNDERSTOOD.has(name) && !HARMLESS.test(name));
}

function isOff(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === undefined || value === null || value === false || value === 0 || value === "";
}

/** A positive integer that must be there. */
export function integer(config: Json, name: string): number {
  const value = optionalInteger(config, name);
  if (value === undefined) throw modelError(`lacks ${name}`);
  return value;
}

/** A positive integer, where it is there. */
export function optionalInteger(config: Json, name: string): number | undefined {
  const value = optionalNumber(config, name);
  if (value === undefined || (Number.isSafeInteger(value) && value > 0)) return value;
  throw modelError(`has ${value} for ${name}; expected a positive integer`);
}

/** A number, where it is there; null counts as absent. */
export function optionalNumber(config: Json, name: string): number | undefined {
  const value = config[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw modelError(`has ${JSON.stringify(value)} for ${name}; expected a number`);
}

/** An object within a config.json; empty where there is none. */
export function object(value: unknown): Json {
  return isObject(value) ? value : {};
}

/** Makes the error for a model that this package cannot answer for. */
export function modelError(what: string): RocmAttentionError {
  return new RocmAttentionError("ERR_INVALID_ARGUMENT", `the model ${what}`, { argument: "model" });
}
