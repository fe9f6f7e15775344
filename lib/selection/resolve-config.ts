import { checkInteger } from "../arguments.js";
import {
  ATTENTION_TYPES,
  type AttentionConfig,
  type AttentionType,
  COMPUTE_DTYPES,
  isMlaConfig,
  KV_CACHE_DTYPES,
  type MlaAttentionConfig,
  type ResolvedCommon,
  type ResolvedConfig,
} from "../config.js";
import { invalidArgument } from "../errors.js";
import { causal, slidingWindow as windowMask } from "../flex/modifications.js";
import { type FlexTexts, type MaskMod, traceFunctions } from "../flex/trace.js";

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
