import type { Launch } from "../catalog/choose.js";
import type { Feature } from "../catalog/features.js";
import type { Sizes } from "../catalog/sizes.js";
import {
  type AttentionType,
  type ComputeDType,
  hasTokenScales,
  type KvCacheDType,
  type LatentSizes,
  type ResolvedConfig,
} from "../config.js";
import type { FlagName, Flags } from "./variables.js";

/** The things that a backend does: attend for new sequences, for one more token each, for both at once; store keys and values. */
export const PHASES = ["prefill", "decode", "mixed", "cacheWrite"] as const;
/**
 * Something that a backend does: attend for new sequences ("prefill"), for one more token each ("decode"), for both at once
 * ("mixed"), or store keys and values ("cacheWrite").
 */
export type Phase = (typeof PHASES)[number];

/** The limits of a backend, and of a kernel within it: the entries that a configuration is held against. */
export interface Limits {
  /** Standard attention over keys and values, or multi-head latent attention. */
  readonly kind: "standard" | "mla";
  /** Prefixes of gfx targets: "gfx11" stands for gfx1100, gfx1151, ... */
  readonly targets: readonly string[];
  /** Dtypes of query, key, value and output. */
  readonly dtypes: readonly ComputeDType[];
  /** How caches may be stored. */
  readonly kvCacheDtypes: readonly KvCacheDType[];
  /** Elements of a cached key; for MLA of latent and rotary part together. */
  readonly headSizes: Sizes;
  /** The only sizes of latent attention; absent: any. */
  readonly latentSizes?: Readonly<LatentSizes>;
  /** Query heads on this GPU. */
  readonly numHeads: Sizes;
  /** Query heads per key and value head. */
  readonly queriesPerKv: Sizes;
  /** Tokens of a cache block. */
  readonly blockSizes: Sizes;
  /** Names of cache layouts, the one used by default first. */
  readonly kvCacheLayouts: readonly string[];
  /** Who may attend to whom. */
  readonly attentionTypes: readonly AttentionType[];
  /** Whether it takes a sliding window. */
  readonly slidingWindow: boolean;
  /** Whether it takes ALiBi's slopes. */
  readonly alibi: boolean;
  /** Whether it takes a soft cap of the scores. */
  readonly logitsSoftCap: boolean;
  /** Whether it takes one more logit per head. */
  readonly sinks: boolean;
  /** Score and mask functions. */
  readonly flex: boolean;
  /** Whether a row can be the same bits alone and in any batch. */
  readonly batchInvariant: boolean;
}

/** The name of an entry that a configuration is held against. */
export type Capability = keyof Limits;

/** Launches that together do a phase, for the configurations within their limits. */
export interface KernelChoice {
  /** The launches, in the order in which they run. */
  readonly launches: readonly Launch[];
  /** Where it is narrower than the backend. */
  readonly limits?: Partial<Limits>;
  /** Variables that switch it off, each group where all of its variables have its value. */
  readonly switchedOff?: readonly {
    /** The variables that are looked at together. */
    readonly variables: readonly FlagName[];
    /** The value that switches it off: on (true) or off. */
    readonly when: boolean;
  }[];
  /** The batches for which it is, where it is not for all: the next choice is for the others. */
  readonly note?: string;
}

/** A combination that a backend does not run, though it runs each part of it. Of what is left out it holds for any. */
export interface Exclusion {
  /** The entry that the reason is about. */
  readonly capability: Capability;
  /** Prefixes of gfx targets; absent: on all. */
  readonly targets?: readonly string[];
  /** Dtypes of query and output; absent: in all. */
  readonly dtypes?: readonly ComputeDType[];
  /** Features that are asked for together. */
  readonly features?: readonly Feature[];
  /** One sentence without its subject. */
  readonly message: string;
}

/** One backend in one table: validation, explanation and docs/backends.md read nothing else. */
export interface Capabilities extends Limits {
  /** One sentence for listings. */
  readonly summary: string;
  /** `forward` can write the log-sum-exp of each row. */
  readonly lse: boolean;
  /** `forward` can write fp8 with a static scale. */
  readonly fp8Output: boolean;
  /** Which calls of `forward` can stand in a captured graph. */
  readonly graphs: "always" | "decode" | "never";
  /** Combinations that it does not run; absent: there are none. */
  readonly exclusions?: readonly Exclusion[];
  /** AITER's kernels that must be there: of each group at least one. */
  readonly aiter?: readonly (readonly Launch[])[];
  /** The kernels for batches of new sequences, the preferred first. */
  readonly prefill: readonly KernelChoice[];
  /** As `prefill`, for batches of one query token a sequence. */
  readonly decode: readonly KernelChoice[];
  /** As `prefill`, for batches that have both. */
  readonly mixed: readonly KernelChoice[];
  /** As `prefill`, for storing new keys and values. */
  readonly cacheWrite: readonly KernelChoice[];
  /** Differences from vLLM's backend of the same name, by entry. */
  readonly differences: Readonly<Partial<Record<keyof Capabilities, string>>>;
}

/** The layout of AITER's assembly, and of caches in which each token has scales. */
export const SHUFFLED = "shuffled";

/**
 * The cache layout of a configuration: the one that it asks for, else that of its cache dtype or of the variable where the
 * backend has it, else the backend's default; null: the backend's own matter.
 */
export function layoutOf(
  { kvCacheLayouts }: Capabilities,
  { kvCacheLayout, kvCacheDtype }: ResolvedConfig,
  { VLLM_ROCM_SHUFFLE_KV_CACHE_LAYOUT: variable }: Flags,
): string | null {
  if (kvCacheLayout !== null) return kvCacheLayout;
  const shuffles = variable || hasTokenScales(kvCacheDtype);
  return shuffles && kvCacheLayouts.includes(SHUFFLED) ? SHUFFLED : (kvCacheLayouts[0] ?? null);
}
