import type { FlexTexts, MaskMod, ScoreMod } from "./flex/trace.js";

/** The backends of vLLM on ROCm, with the names that `VLLM_ATTENTION_BACKEND` takes, in the order of the documentation. */
export const BACKEND_NAMES = [
  "TRITON_ATTN",
  "ROCM_ATTN",
  "ROCM_AITER_FA",
  "ROCM_AITER_UNIFIED_ATTN",
  "FLEX_ATTENTION",
  "ROCM_AITER_MLA",
  "TRITON_MLA",
] as const;

/** A backend of this package. */
export type BuiltinBackendName = (typeof BACKEND_NAMES)[number];

/** A backend of this package, or one that the program has registered with `registerBackend`. */
export type BackendName = BuiltinBackendName | (string & {});

/** The dtypes of query, key, value and output. */
export const COMPUTE_DTYPES = ["float16", "bfloat16", "float32"] as const;
/** A dtype of query, key, value and output. */
export type ComputeDType = (typeof COMPUTE_DTYPES)[number];

/**
 * The words that `--kv-cache-dtype` takes in vLLM, and two for AITER's assembly. "auto" stores the cache in the dtype of the
 * model; "fp8" is "fp8_e4m3"; "fp8_per_token" and "int8_per_token" store 8 bits of an element and a scale for each token and head.
 */
export const KV_CACHE_DTYPES = [
  "auto",
  "bfloat16",
  "fp8",
  "fp8_e4m3",
  "fp8_e5m2",
  "fp8_inc",
  "fp8_ds_mla",
  "fp8_per_token",
  "int8_per_token",
] as const;
/**
 * How a cache is stored: "auto" in the dtype of the model, "fp8" in the GPU's e4m3 encoding, "fp8_per_token" and "int8_per_token"
 * with a scale for each token and head, and the other words of {@link KV_CACHE_DTYPES}.
 */
export type KvCacheDType = (typeof KV_CACHE_DTYPES)[number];

/** Whether a cache has a scale for each token and head, which the write of a token sets. */
export function hasTokenScales(kvCacheDtype: KvCacheDType): boolean {
  return kvCacheDtype.endsWith("_per_token");
}

/** Whether the cache's elements are 8-bit floats, with one scale or one for each token and head. */
export function storesFloat8(kvCacheDtype: KvCacheDType): boolean {
  return kvCacheDtype.startsWith("fp8");
}

/**
 * Who attends to whom. "decoder": causal self-attention over the KV cache. "encoder_only" and "encoder": every token of
 * a sequence sees every other, no cache. "encoder_decoder": the decoder's queries over the encoder's cached keys.
 */
export const ATTENTION_TYPES = ["decoder", "encoder", "encoder_only", "encoder_decoder"] as const;
/** Who attends to whom: {@link ATTENTION_TYPES}. */
export type AttentionType = (typeof ATTENTION_TYPES)[number];

/** Whether keys and values lie in a cache; else they are those of the call. */
export function usesCache({ attentionType }: Pick<ResolvedConfig, "attentionType">): boolean {
  return attentionType === "decoder" || attentionType === "encoder_decoder";
}

/** A process environment: names to values, absent where not set. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The options that standard attention and multi-head latent attention share. */
export interface CommonConfig {
  /** Query heads on this GPU: the model's divided by the tensor-parallel size. */
  numHeads: number;
  /** Dtype of query, key, value and output. */
  dtype: ComputeDType;
  /** How the cache is stored. Default "auto": in `dtype`. */
  kvCacheDtype?: KvCacheDType | undefined;
  /** Tokens of one block of the KV cache. Default 16. */
  blockSize?: number | undefined;
  /** The cache's layout, where the backend has more than one: "halves", "shuffled". Default: the backend's first. */
  kvCacheLayout?: string | undefined;
  /** The factor of query·key before the softmax. Default 1/sqrt(size of a query). */
  scale?: number | undefined;
  /** Stands above `VLLM_ATTENTION_BACKEND`: a program's own word. */
  backend?: BackendName | undefined;
  /** Makes a row's result independent of what else is in its batch, bit for bit. Default false. */
  batchInvariant?: boolean | undefined;
  /** Where the selection's variables are read. Default `process.env`, at the time of the call. */
  env?: Environment | undefined;
}

/** The options of `createAttention`: multi-head, grouped-query or multi-query attention over a paged KV cache. */
export interface AttentionConfig extends CommonConfig {
  /** Heads of key and value on this GPU; divides numHeads. */
  numKvHeads: number;
  /** Elements of a head of query, key and value. */
  headSize: number;
  /** A query sees this many last tokens, itself included, and in an encoder as many ahead. Default: all. */
  slidingWindow?: number | undefined;
  /** One slope per query head: score -= slope * |key position - query position|. */
  alibiSlopes?: ArrayLike<number> | undefined;
  /** Scores become cap * tanh(score / cap). Default: none. */
  logitsSoftCap?: number | undefined;
  /** One more logit per head in the softmax's sum, without a value (gpt-oss); the logits are given to `forward`. */
  sinks?: boolean | undefined;
  /** Default "decoder". */
  attentionType?: AttentionType | undefined;
  /**
   * Changes each scaled score: called once, with values that it computes another with. FLEX_ATTENTION alone has it, and
   * without `maskMod` the usual mask beside it. `flex` has a library of such functions.
   */
  scoreMod?: ScoreMod | undefined;
  /** Says which keys a query sees, of all of its sequence: called once, as `scoreMod`. FLEX_ATTENTION alone has it. */
  maskMod?: MaskMod | undefined;
}

/** The options of `createMlaAttention`: DeepSeek's multi-head latent attention. Its cache holds kvLoraRank + qkRopeHeadDim elements per token. */
export interface MlaAttentionConfig extends CommonConfig {
  /** Elements of the latent from which keys and values come (512 in DeepSeek-V2, V3 and R1). */
  kvLoraRank: number;
  /** Elements of a query head without position. Default 128. */
  qkNopeHeadDim?: number | undefined;
  /** Elements of a query head with rotary position, shared by the keys of all heads. Default 64. */
  qkRopeHeadDim?: number | undefined;
  /** Elements of a value head. Default 128. */
  vHeadDim?: number | undefined;
  /** Cached tokens that prefill makes keys and values of at a time: memory bounds them. At least 256; default 4096. */
  maxChunkTokens?: number | undefined;
}

/** The sizes of latent attention, in elements, as the options of their names. */
export interface LatentSizes {
  /** Elements of the latent from which keys and values come. */
  kvLoraRank: number;
  /** Elements of a query head without position. */
  qkNopeHeadDim: number;
  /** Elements of a query head with rotary position. */
  qkRopeHeadDim: number;
  /** Elements of a value head. */
  vHeadDim: number;
}

/** What both kinds of attention resolve, every default filled in. */
export interface ResolvedCommon {
  /** Query heads. */
  readonly numHeads: number;
  /** Dtype of query, key, value and output. */
  readonly dtype: ComputeDType;
  /** How the cache is stored; "auto": in `dtype`. */
  readonly kvCacheDtype: KvCacheDType;
  /** Tokens of a cache block. */
  readonly blockSize: number;
  /** The option `kvCacheLayout`, null where it was not given. */
  readonly kvCacheLayout: string | null;
  /** The factor of query x key before the softmax. */
  readonly scale: number;
  /** Whether a row's result is the same bits alone and in any batch. */
  readonly batchInvariant: boolean;
  /** Heads of key and value; for MLA 1. */
  readonly numKvHeads: number;
  /** Elements that a query and a key have: of one cached token and head. For MLA kvLoraRank + qkRopeHeadDim. */
  readonly headSize: number;
  /** Tokens that a query sees, itself included; null: all. */
  readonly slidingWindow: number | null;
  /** Whether there are slopes. */
  readonly alibi: boolean;
  /** One for each query head; null: no ALiBi. */
  readonly alibiSlopes: readonly number[] | null;
  /** null: none. */
  readonly logitsSoftCap: number | null;
  /** Whether `forward` takes one more logit per head. */
  readonly sinks: boolean;
  /** Who attends to whom. */
  readonly attentionType: AttentionType;
  /** The programs of `scoreMod` and `maskMod` as text; null: there are none. */
  readonly flex: FlexTexts | null;
  /** The option `backend`, null where it was not given. */
  readonly backend: BackendName | null;
}

/** A configuration whose values are checked and whose defaults are filled in: what selection looks at. */
export type ResolvedConfig =
  | (ResolvedCommon & {
      /** Null: standard attention. */
      readonly mla: null;
    })
  | (ResolvedCommon & {
      /** The sizes of latent attention. */
      readonly mla: Readonly<LatentSizes> & {
        /** Cached tokens that prefill makes keys and values of at a time. */
        readonly maxChunkTokens: number;
      };
    });

/** Which kind of attention a configuration asks for. */
export function kindOf({ mla }: ResolvedConfig): "standard" | "mla" {
  return mla === null ? "standard" : "mla";
}

/** Whether the configuration is one of `createMlaAttention`. */
export function isMlaConfig(config: AttentionConfig | MlaAttentionConfig): config is MlaAttentionConfig {
  return "kvLoraRank" in config;
}
