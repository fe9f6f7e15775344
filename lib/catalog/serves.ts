import type { AttentionType, ComputeDType, KvCacheDType } from "../config.js";
import { FEATURE_NAMES, FEATURES, type Feature } from "./features.js";
import { matches, type Sizes } from "./sizes.js";

/**
 * The part that a kernel has in a feature. "compiled": it is always on, so the kernel serves those alone who ask for it.
 * "runtime": the arguments switch it, so the kernel serves both. "irrelevant": it is another kernel's matter.
 */
export const FEATURE_LEVELS = ["compiled", "runtime", "irrelevant"] as const;
/** The part that a kernel has in a feature: "compiled", "runtime" or "irrelevant". */
export type FeatureLevel = (typeof FEATURE_LEVELS)[number];

/** The configurations that a kernel serves. It does not depend on an absent entry, and does not serve an absent feature. */
export interface Serves {
  /** Dtypes of query and output. */
  readonly dtypes?: readonly string[];
  /** "auto": the cache is stored in the dtype of the query. */
  readonly kvCacheDtypes?: readonly string[];
  /** Elements of a head; as pairs where a value has other than a query and a key. */
  readonly headSizes?:
    | Sizes
    | {
        /** Elements of a head of query and key, and of value. */
        readonly pairs: readonly (readonly [queryKey: number, value: number])[];
      };
  /** Tokens of a cache block. */
  readonly blockSizes?: Sizes;
  /** Query heads per key and value head. */
  readonly queriesPerKv?: Sizes;
  /** Query tokens of a sequence. */
  readonly queryTokens?: Sizes;
  /** Names of cache layouts. */
  readonly layouts?: readonly string[];
  /** Attention types: "decoder", "encoder_only", ... */
  readonly attentionTypes?: readonly string[];
  /** The largest part of a cache (the keys of a layer, say) that its addresses reach, in bytes. */
  readonly maxPartBytes?: number;
  /** The part that it has in each feature, by name: "sinks", "alibi", ... */
  readonly features: Readonly<Record<string, FeatureLevel>>;
}

/** The part of a configuration that kernels are chosen by. */
export interface KernelNeeds {
  readonly dtype: ComputeDType;
  readonly kvCacheDtype: KvCacheDType;
  readonly headSize: number;
  /** Of latent attention: the head sizes of the keys and values that latents expand to, which kernels with pairs serve. */
  readonly expandedHeadSizes?: readonly [queryKey: number, value: number];
  readonly blockSize: number;
  readonly queriesPerKv: number;
  /** The cache's layout; null: of any. */
  readonly layout: string | null;
  readonly attentionType: AttentionType;
  readonly features: readonly Feature[];
}

/** The entries of `Serves` that a configuration is held against, with the words for what it needs. */
const ASPECTS: readonly {
  takes(serves: Serves, needs: KernelNeeds): boolean;
  words(needs: KernelNeeds): string;
}[] = [
  {
    takes: ({ dtypes }, { dtype }) => dtypes?.includes(dtype) ?? true,
    words: ({ dtype }) => dtype,
  },
  {
    takes: ({ kvCacheDtypes }, { kvCacheDtype, dtype }) =>
      kvCacheDtypes?.includes(storedAs(kvCacheDtype, dtype)) ?? true,
    words: ({ kvCacheDtype }) => `KV cache dtype ${kvCacheDtype}`,
  },
  {
    takes: takesHeadSize,
    words: ({ headSize }) => `head size ${headSize}`,
  },
  {
    takes: ({ blockSizes }, { blockSize }) => blockSizes === undefined || matches(blockSizes, blockSize),
    words: ({ blockSize }) => `block size ${blockSize}`,
  },
  {
    takes: ({ queriesPerKv: sizes }, { queriesPerKv }) => sizes === undefined || matches(sizes, queriesPerKv),
    words: ({ queriesPerKv }) => `${queriesPerKv} query heads per key-value head`,
  },
  {
    takes: ({ layouts }, { layout }) => layout === null || (layouts?.includes(layout) ?? true),
    words: ({ layout }) => `cache layout ${layout}`,
  },
  {
    takes: ({ attentionTypes }, { attentionType }) => attentionTypes?.includes(attentionType) ?? true,
    words: ({ attentionType }) => `attention type ${attentionType}`,
  },
  {
    takes: takesFeatures,
    words: ({ features }) => features.map((feature) => FEATURE_NAMES[feature]).join(" with ") || "no feature",
  },
];

/** Whether a kernel serves a configuration. */
export function serves(kernel: Serves, needs: KernelNeeds): boolean {
  return ASPECTS.every(({ takes }) => takes(kernel, needs));
}

/** Needs that none of the kernels takes: "head size 80", "a sliding window"; where there are none, two that none takes together. */
export function unmetNeeds(kernels: readonly Serves[], needs: KernelNeeds): string[] {
  const isUnmet = (...aspects: typeof ASPECTS) =>
    !kernels.some((kernel) => aspects.every(({ takes }) => takes(kernel, needs)));
  const unmet = ASPECTS.filter((aspect) => isUnmet(aspect)).map(({ words }) => words(needs));
  if (unmet.length > 0) return unmet;
  for (const [index, one] of ASPECTS.entries()) {
    const other = ASPECTS.slice(index + 1).find((aspect) => isUnmet(one, aspect));
    if (other !== undefined) return [`${one.words(needs)} with ${other.words(needs)}`];
  }
  return [];
}

function takesHeadSize(
  { headSizes }: Serves,
  { headSize, expandedHeadSizes: expanded }: KernelNeeds,
): boolean {
  if (headSizes === undefined) return true;
  if (!("pairs" in headSizes)) return matches(headSizes, headSize);
  return headSizes.pairs.some((pair) => pair[0] === expanded?.[0] && pair[1] === expanded?.[1]);
}

function takesFeatures({ features }: Serves, needs: KernelNeeds): boolean {
  return FEATURES.every((feature) => {
    const level = features[feature];
    return needs.features.includes(feature) ? level !== undefined : level !== "compiled";
  });
}

/** The cache dtype as kernels know it: "auto" for the dtype of the model, "fp8" for its e4m3 under any name. */
export function storedAs(kvCacheDtype: KvCacheDType, dtype: ComputeDType): KvCacheDType {
  if (kvCacheDtype === "fp8_e4m3") return "fp8";
  return kvCacheDtype === dtype ? "auto" : kvCacheDtype;
}
