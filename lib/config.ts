import { checkInteger } from "./arguments.js";
import { invalidArgument } from "./errors.js";
import { causal, slidingWindow as windowMask } from "./flex/modifications.js";
import { type FlexTexts, type MaskMod, type ScoreMod, traceFunctions } from "./flex/trace.js";

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

export type BuiltinBackendName = (typeof BACKEND_NAMES)[number];

/** A backend of this package, or one that the program has registered with `registerBackend`. */
export type BackendName = BuiltinBackendName | (string & {});

/** The dtypes of query, key, value and output. */
export const COMPUTE_DTYPES = ["float16", "bfloat16", "float32"] as const;
export type ComputeDType = (typeof COMPUTE_DTYPES)[number];

/** The words that `--kv-cache-dtype` takes in vLLM. "auto" stores the cache in the dtype of the model; "fp8" is "fp8_e4m3". */
export const KV_CACHE_DTYPES = [
  "auto",
  "bfloat16",
  "fp8",
  "fp8_e4m3",
  "fp8_e5m2",
  "fp8_inc",
  "fp8_ds_mla",
] as const;
export type KvCacheDType = (typeof KV_CACHE_DTYPES)[number];

/**
 * Who attends to whom. "decoder": causal self-attention over the KV cache. "encoder_only" and "encoder": every token of
 * a sequence sees every other, no cache. "encoder_decoder": the decoder's queries over the encoder's cached keys.
 */
export const ATTENTION_TYPES = ["decoder", "encoder", "encoder_only", "encoder_decoder"] as const;
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
  dtype: ComputeDType;
  /** Default "auto". */
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
  kvLoraRank: number;
  qkNopeHeadDim: number;
  qkRopeHeadDim: number;
  vHeadDim: number;
}

/** What both kinds of attention resolve, every default filled in. */
export interface ResolvedCommon {
  readonly numHeads: number;
  readonly dtype: ComputeDType;
  readonly kvCacheDtype: KvCacheDType;
  readonly blockSize: number;
  /** The option `kvCacheLayout`, null where it was not given. */
  readonly kvCacheLayout: string | null;
  readonly scale: number;
  readonly batchInvariant: boolean;
  readonly numKvHeads: number;
  /** Elements that a query and a key have: of one cached token and head. For MLA kvLoraRank + qkRopeHeadDim. */
  readonly headSize: number;
  readonly slidingWindow: number | null;
  readonly alibi: boolean;
  /** One for each query head; null: no ALiBi. */
  readonly alibiSlopes: readonly number[] | null;
  readonly logitsSoftCap: number | null;
  readonly sinks: boolean;
  readonly attentionType: AttentionType;
  /** The programs of `scoreMod` and `maskMod` as text; null: there are none. */
  readonly flex: FlexTexts | null;
  /** The option `backend`, null where it was not given. */
  readonly backend: BackendName | null;
}

/** A configuration whose values are checked and whose defaults are filled in: what selection looks at. */
export type ResolvedConfig =
  | (ResolvedCommon & { readonly mla: null })
  | (ResolvedCommon & {
      readonly mla: Readonly<LatentSizes> & { readonly maxChunkTokens: number };
    });

/** Which kind of attention a configuration asks for. */
export function kindOf({ mla }: ResolvedConfig): "standard" | "mla" {
  return mla === null ? "standard" : "mla";
}

const COMMON_KEYS = [
  "numHeads",
  "dtype",
  "kvCacheDtype",
  "blockSize",
  "kvCacheLayout",
  "scale",
  "backend",
  "batchInvariant",
  "env",
];
const STANDARD_KEYS = new Set([
  ...COMMON_KEYS,
  ...["numKvHeads", "headSize", "slidingWindow", "alibiSlopes", "logitsSoftCap", "sinks", "attentionType"],
  ...["scoreMod", "maskMod"],
]);
const MLA_KEYS = new Set([
  ...COMMON_KEYS,
  "kvLoraRank",
  "qkNopeHeadDim",
  "qkRopeHeadDim",
  "vHeadDim",
  "maxChunkTokens",
]);

/** Whether the configuration is one of `createMlaAttention`. */
export function isMlaConfig(config: AttentionConfig | MlaAttentionConfig): config is MlaAttentionConfig {
  return "kvLoraRank" in config;
}

/**
 * Checks every option by itself and fills in the defaults. What a backend can do with them is the selection's matter.
 * Throws ERR_INVALID_ARGUMENT, for an option that does not exist too.
 */
export function resolveConfig(config: AttentionConfig | MlaAttentionConfig): ResolvedConfig {
  if (typeof config !== "object" || config === null) throw invalidArgument("config", "an object", config);
  const isMla = isMlaConfig(config);
  const known = isMla ? MLA_KEYS : STANDARD_KEYS;
  for (const key of Object.keys(config)) {
    if (!known.has(key)) {
      throw invalidArgument("config", `only the options ${[...known].join(", ")}`, key);
    }
  }
  const { scale, batchInvariant = false, backend, kvCacheLayout } = config;
  if (scale !== undefined) positiveFloat32(scale, "scale");
  if (backend !== undefined && typeof backend !== "string") {
    throw invalidArgument("backend", "the name of a backend", backend);
  }
  if (kvCacheLayout !== undefined && typeof kvCacheLayout !== "string") {
    throw invalidArgument("kvCacheLayout", "the name of a cache layout", kvCacheLayout);
  }
  const common = {
    numHeads: count(config.numHeads, "numHeads"),
    dtype: oneOf(config.dtype, COMPUTE_DTYPES, "dtype"),
    kvCacheDtype: oneOf(config.kvCacheDtype ?? "auto", KV_CACHE_DTYPES, "kvCacheDtype"),
    blockSize: count(config.blockSize ?? 16, "blockSize"),
    batchInvariant: flag(batchInvariant, "batchInvariant"),
    kvCacheLayout: kvCacheLayout ?? null,
    backend: backend ?? null,
  };
  return isMla ? resolveMla(config, common) : resolveStandard(config, common);
}

/** Assigned to rather than spread, which would take half of a selection's time. */
type Common = Pick<
  ResolvedCommon,
  "numHeads" | "dtype" | "kvCacheDtype" | "blockSize" | "kvCacheLayout" | "batchInvariant" | "backend"
>;

function resolveStandard(config: AttentionConfig, common: Common): ResolvedConfig {
  const numKvHeads = count(config.numKvHeads, "numKvHeads");
  if (common.numHeads % numKvHeads !== 0) {
    throw invalidArgument("numKvHeads", `a divisor of numHeads (${common.numHeads})`, numKvHeads);
  }
  const headSize = count(config.headSize, "headSize");
  const { alibiSlopes, logitsSoftCap, slidingWindow, sinks = false } = config;
  if (alibiSlopes !== undefined) checkSlopes(alibiSlopes, common.numHeads);
  if (logitsSoftCap !== undefined) positiveFloat32(logitsSoftCap, "logitsSoftCap");
  const attentionType = oneOf(config.attentionType ?? "decoder", ATTENTION_TYPES, "attentionType");
  if (attentionType === "encoder_decoder") refusePositions(config);
  return Object.assign(common, {
    numKvHeads,
    headSize,
    scale: config.scale ?? 1 / Math.sqrt(headSize),
    slidingWindow: slidingWindow === undefined ? null : count(slidingWindow, "slidingWindow"),
    alibi: alibiSlopes !== undefined,
    alibiSlopes: alibiSlopes === undefined ? null : Array.from(alibiSlopes),
    logitsSoftCap: logitsSoftCap ?? null,
    sinks: flag(sinks, "sinks"),
    attentionType,
    flex: resolveFunctions(config),
    mla: null,
  });
}

function resolveMla(config: MlaAttentionConfig, common: Common): ResolvedConfig {
  const mla = {
    kvLoraRank: count(config.kvLoraRank, "kvLoraRank"),
    qkNopeHeadDim: count(config.qkNopeHeadDim ?? 128, "qkNopeHeadDim"),
    qkRopeHeadDim: count(config.qkRopeHeadDim ?? 64, "qkRopeHeadDim"),
    vHeadDim: count(config.vHeadDim ?? 128, "vHeadDim"),
    maxChunkTokens: checkInteger(config.maxChunkTokens ?? 4096, "maxChunkTokens", 256, 2 ** 24),
  };
  return Object.assign(common, {
    numKvHeads: 1,
    headSize: mla.kvLoraRank + mla.qkRopeHeadDim,
    scale: config.scale ?? 1 / Math.sqrt(mla.qkNopeHeadDim + mla.qkRopeHeadDim),
    slidingWindow: null,
    alibi: false,
    alibiSlopes: null,
    logitsSoftCap: null,
    sinks: false,
    attentionType: "decoder" as const,
    flex: null,
    mla,
  });
}

function refusePositions(config: AttentionConfig): void {
  for (const option of ["slidingWindow", "alibiSlopes"] as const) {
    if (config[option] === undefined) continue;
    const expected = "undefined: a decoder's query stands nowhere among the encoder's keys";
    throw invalidArgument(option, expected, config[option]);
  }
}

/** Traces the functions of a configuration, whose other options have been checked. ERR_FLEX_TRACE. */
function resolveFunctions(config: AttentionConfig): FlexTexts | null {
  const { scoreMod, maskMod, slidingWindow, alibiSlopes, logitsSoftCap, attentionType = "decoder" } = config;
  if (scoreMod === undefined && maskMod === undefined) return null;
  for (const [name, mod] of Object.entries({ scoreMod, maskMod })) {
    if (mod !== undefined && typeof mod !== "function") throw invalidArgument(name, "a function", mod);
  }
  if (maskMod !== undefined && slidingWindow !== undefined) {
    throw invalidArgument(
      "maskMod",
      "a mask without the option slidingWindow: use flex.slidingWindow",
      maskMod,
    );
  }
  if (scoreMod !== undefined && (alibiSlopes !== undefined || logitsSoftCap !== undefined)) {
    const expected =
      "a function without the options alibiSlopes and logitsSoftCap: use flex.alibi, flex.softCap";
    throw invalidArgument("scoreMod", expected, scoreMod);
  }
  return traceFunctions({ scoreMod, maskMod: maskMod ?? usualMask(attentionType, slidingWindow) });
}

/** The mask beside a score function: what the attention would have without one. */
function usualMask(attentionType: AttentionType, window: number | undefined): MaskMod | undefined {
  if (attentionType === "decoder") return window === undefined ? causal : windowMask(window);
  return window === undefined ? undefined : ({ query, key }) => query.sub(key).abs().lt(window);
}

function checkSlopes(slopes: unknown, numHeads: number): void {
  const isList = Array.isArray(slopes) || (ArrayBuffer.isView(slopes) && "length" in slopes);
  const list = isList ? Array.from(slopes as ArrayLike<unknown>) : [];
  if (list.length !== numHeads || !list.every((slope) => isFloat32(slope))) {
    throw invalidArgument("alibiSlopes", `a finite slope for each of the ${numHeads} query heads`, slopes);
  }
}

function isFloat32(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(Math.fround(value));
}

/** Kernels compute with the number in float32, where it must neither overflow nor vanish. */
function positiveFloat32(value: unknown, argument: string): void {
  if (isFloat32(value) && Math.fround(value) >= 2 ** -126) return;
  throw invalidArgument(argument, "a positive number within float32's normal range", value);
}

function count(value: unknown, argument: string): number {
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
  throw invalidArgument(argument, "a positive integer", value);
}

function flag(value: unknown, argument: string): boolean {
  if (typeof value === "boolean") return value;
  throw invalidArgument(argument, "true or false", value);
}

function oneOf<T extends string>(value: unknown, values: readonly T[], argument: string): T {
  if (values.includes(value as T)) return value as T;
  throw invalidArgument(argument, `one of ${values.join(", ")}`, value);
}
