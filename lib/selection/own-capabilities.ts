import { checkInteger, checkOptions, checkPlain, isArray } from "../arguments.js";
import { PROVIDERS } from "../catalog/choose.js";
import type { Sizes } from "../catalog/sizes.js";
import { ATTENTION_TYPES, COMPUTE_DTYPES, KV_CACHE_DTYPES } from "../config.js";
import { invalidArgument } from "../errors.js";
import type { Capabilities, Limits, Phase } from "./capabilities.js";

/**
 * The table of a program's own backend. Entries left out are as narrow as the least of this package's backends: 16-bit
 * dtypes, a cache in the same, layout "paired", causal self-attention, no feature; sizes and targets left out are not
 * limited. A backend that names launches by phase gets their kernels from the folders that this package's come from.
 */
export type OwnCapabilities = Pick<Capabilities, "kind" | "summary"> &
  Partial<Limits> &
  Partial<Pick<Capabilities, "lse" | "graphs" | Phase>>;

const LEAST: Omit<Capabilities, "kind" | "summary"> = {
  targets: ["gfx"],
  dtypes: ["float16", "bfloat16"],
  kvCacheDtypes: ["auto"],
  headSizes: {},
  numHeads: {},
  queriesPerKv: {},
  blockSizes: {},
  attentionTypes: ["decoder"],
  slidingWindow: false,
  alibi: false,
  logitsSoftCap: false,
  sinks: false,
  flex: false,
  batchInvariant: false,
  kvCacheLayouts: ["paired"],
  lse: false,
  fp8Output: false,
  graphs: "never",
  prefill: [],
  decode: [],
  mixed: [],
  cacheWrite: [],
  differences: {},
};

type Check = (value: unknown, argument: string) => void;

const CHECKS: Readonly<Record<keyof Required<OwnCapabilities>, Check>> = {
  kind: oneOf(["standard", "mla"]),
  summary: text,
  targets: listOf((value, argument) => {
    if (typeof value !== "string" || !/^gfx[0-9a-f]{0,5}$/.test(value))
      throw invalidArgument(argument, 'a GPU target such as "gfx942", or a beginning of one', value);
  }),
  dtypes: listOf(oneOf(COMPUTE_DTYPES)),
  kvCacheDtypes: listOf(oneOf(KV_CACHE_DTYPES)),
  headSizes: sizes,
  latentSizes,
  numHeads: sizes,
  queriesPerKv: sizes,
  blockSizes: sizes,
  kvCacheLayouts: listOf(text),
  attentionTypes: listOf(oneOf(ATTENTION_TYPES)),
  slidingWindow: flag,
  alibi: flag,
  logitsSoftCap: flag,
  sinks: flag,
  flex: flag,
  batchInvariant: flag,
  lse: flag,
  graphs: oneOf(["always", "decode", "never"]),
  prefill: listOf(kernelChoice),
  decode: listOf(kernelChoice),
  mixed: listOf(kernelChoice),
  cacheWrite: listOf(kernelChoice),
};

/** Checks a program's table and fills in the rest. Throws ERR_INVALID_ARGUMENT. */
export function completeCapabilities(own: OwnCapabilities): Capabilities {
  checkOptions(own, Object.keys(CHECKS), "capabilities");
  const given: Partial<Capabilities> = {};
  for (const [key, check] of Object.entries(CHECKS)) {
    const value = own?.[key as keyof OwnCapabilities];
    const isRequired = key === "kind" || key === "summary";
    if (value === undefined && !isRequired) continue;
    check(value, `capabilities.${key}`);
    Object.assign(given, { [key]: structuredClone(value) });
  }
  return { ...LEAST, ...(given as OwnCapabilities) };
}

function oneOf(words: readonly string[]): Check {
  return (value, argument) => {
    if (!words.includes(value as string)) {
      throw invalidArgument(argument, `one of ${words.map((word) => `"${word}"`).join(", ")}`, value);
    }
  };
}

function listOf(check: Check): Check {
  return (value, argument) => {
    if (!isArray(value) || value.length === 0) throw invalidArgument(argument, "a list", value);
    for (const [index, entry] of value.entries()) check(entry, `${argument}[${index}]`);
  };
}

function text(value: unknown, argument: string): void {
  if (typeof value !== "string" || value === "") throw invalidArgument(argument, "a text", value);
}

function flag(value: unknown, argument: string): void {
  if (typeof value !== "boolean") throw invalidArgument(argument, "true or false", value);
}

/** { launches: [{ provider, operation, variant? }], note? } */
function kernelChoice(value: unknown, argument: string): void {
  const { launches, note } = checkOptions(value, ["launches", "note"], argument);
  if (note !== undefined) text(note, `${argument}.note`);
  listOf((launch, at) => {
    const { provider, operation, variant } = checkOptions(launch, ["provider", "operation", "variant"], at);
    oneOf(PROVIDERS)(provider, `${at}.provider`);
    text(operation, `${at}.operation`);
    if (variant !== undefined) text(variant, `${at}.variant`);
  })(launches, `${argument}.launches`);
}

/** { kvLoraRank, qkNopeHeadDim, qkRopeHeadDim, vHeadDim } */
function latentSizes(value: unknown, argument: string): void {
  const names = ["kvLoraRank", "qkNopeHeadDim", "qkRopeHeadDim", "vHeadDim"];
  const given = checkOptions(value, names, argument);
  for (const name of names) checkInteger(given[name], `${argument}.${name}`, 1);
}

function sizes(value: unknown, argument: string): void {
  const expected = "{ oneOf: sizes } or { min?, max?, multipleOf? } in integers";
  checkPlain(value, argument, expected);
  const fields = Object.entries(value as Sizes);
  const isCount = (size: unknown) => Number.isSafeInteger(size) && (size as number) > 0;
  const isList = fields.length === 1 && fields[0]![0] === "oneOf";
  const list: unknown = fields[0]?.[1];
  const isRight = isList
    ? isArray(list) && list.length > 0 && list.every(isCount)
    : fields.every(([name, size]) => ["min", "max", "multipleOf"].includes(name) && isCount(size));
  if (!isRight) throw invalidArgument(argument, expected, value);
}
