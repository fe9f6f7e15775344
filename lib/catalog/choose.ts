import type { AttentionType, ComputeDType, KvCacheDType } from "../config.js";
import { FEATURE_NAMES, FEATURES, type Feature } from "./features.js";
import { matches, type Sizes } from "./sizes.js";
import { bareTarget } from "./targets.js";

/** Who made a kernel: our HIP C++, our Triton sources, CK-tile, or AITER (its assembly, its Triton). */
export const PROVIDERS = ["hip", "triton", "ck", "aiter"] as const;
export type Provider = (typeof PROVIDERS)[number];

/** How far a kernel's numbers are proven on a target. */
export const VERIFIED = ["none", "emulator", "hardware"] as const;
export type Verified = (typeof VERIFIED)[number];

/**
 * What selection knows of a kernel: one row of a manifest, or several that differ in sizes alone. What a row leaves
 * out it does not depend on (a reduction over partitions has no block size).
 */
export interface CatalogKernel {
  target: string;
  provider: Provider;
  operation: string;
  dtypes?: readonly ComputeDType[];
  kvCacheDtypes?: readonly KvCacheDType[];
  headSizes?: Sizes;
  blockSizes?: Sizes;
  attentionTypes?: readonly AttentionType[];
  /** Features that are compiled in: it serves who asks for exactly these. */
  features?: readonly Feature[];
  verified: Verified;
  /** This version is to have it and has not yet. */
  planned?: boolean;
}

/** The kernels that there are: of the folders on this machine, or of the packages of this version. */
export interface Catalog {
  name: string;
  kernels: readonly CatalogKernel[];
}

/** What of a configuration decides which kernel of an operation fits. */
export interface KernelNeeds {
  dtype: ComputeDType;
  kvCacheDtype: KvCacheDType;
  headSize: number;
  blockSize: number;
  attentionType: AttentionType;
  features: readonly Feature[];
}

/** The kernels for one target. Planned ones have an entry that does not list them. */
export type KernelIndex = ReadonlyMap<Provider, ReadonlyMap<string, readonly CatalogKernel[]>>;

const indexes = new WeakMap<readonly CatalogKernel[], Map<string, KernelIndex>>();

/** The kernels of the catalog that run on a target: "gfx942:sramecc+:xnack-" is served by kernels for "gfx942" too. */
export function kernelsFor({ kernels }: Catalog, arch: string): KernelIndex {
  const byTarget = indexes.get(kernels) ?? new Map<string, KernelIndex>();
  const index = byTarget.get(arch) ?? indexKernels(kernels, arch);
  indexes.set(kernels, byTarget.set(arch, index));
  return index;
}

function indexKernels(kernels: readonly CatalogKernel[], arch: string): KernelIndex {
  const bare = bareTarget(arch);
  const index = new Map<Provider, Map<string, CatalogKernel[]>>();
  for (const kernel of kernels.filter(({ target }) => target === arch || target === bare)) {
    const ofProvider = index.get(kernel.provider) ?? new Map<string, CatalogKernel[]>();
    const rows = ofProvider.get(kernel.operation) ?? [];
    if (!kernel.planned) rows.push(kernel);
    index.set(kernel.provider, ofProvider.set(kernel.operation, rows));
  }
  return index;
}

/** The kernels of an operation; none where they are planned, undefined where the catalog does not know it. */
export function kernelsOf(
  index: KernelIndex,
  { provider, operation }: Pick<CatalogKernel, "provider" | "operation">,
): readonly CatalogKernel[] | undefined {
  return index.get(provider)?.get(operation);
}

/** Operations that have no part in some features, and the features in which they have one; all others have in all. */
const FEATURES_OF_OPERATION: Readonly<Record<string, readonly Feature[]>> = {
  unified_attention_3d: ["slidingWindow", "alibi", "logitsSoftCap"],
  reduce_segments: ["sinks"],
  paged_attention_reduce: [],
  mla_reduce: [],
  merge_attention_states: [],
  gather_cache: [],
  reshape_and_cache: [],
  reshape_and_cache_flash: [],
  concat_and_cache_mla: [],
};

/** What a kernel may be made for: whether it takes what is needed of that, and the words for what is needed. */
const ASPECTS: readonly {
  takes(kernel: CatalogKernel, needs: KernelNeeds): boolean;
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
    takes: ({ headSizes }, { headSize }) => headSizes === undefined || matches(headSizes, headSize),
    words: ({ headSize }) => `head size ${headSize}`,
  },
  {
    takes: ({ blockSizes }, { blockSize }) => blockSizes === undefined || matches(blockSizes, blockSize),
    words: ({ blockSize }) => `block size ${blockSize}`,
  },
  {
    takes: ({ attentionTypes }, { attentionType }) => attentionTypes?.includes(attentionType) ?? true,
    words: ({ attentionType }) => `attention type ${attentionType}`,
  },
  {
    takes: (kernel, { features }) => hasFeatures(kernel, features),
    words: ({ features }) => features.map((feature) => FEATURE_NAMES[feature]).join(" with ") || "no feature",
  },
];

/** Whether a kernel takes what is needed. */
export function serves(kernel: CatalogKernel, needs: KernelNeeds): boolean {
  return ASPECTS.every(({ takes }) => takes(kernel, needs));
}

/** What none of these kernels takes: "head size 80", "a sliding window"; nothing where some take each, and none all. */
export function lacking(kernels: readonly CatalogKernel[], needs: KernelNeeds): string[] {
  if (kernels.length === 0) return [];
  return ASPECTS.filter(({ takes }) => !kernels.some((kernel) => takes(kernel, needs))).map(({ words }) =>
    words(needs),
  );
}

function hasFeatures({ operation, features }: CatalogKernel, needed: readonly Feature[]): boolean {
  if (features === undefined) return true;
  const ofOperation = FEATURES_OF_OPERATION[operation] ?? FEATURES;
  return ofOperation.every((feature) => features.includes(feature) === needed.includes(feature));
}

/** Those of an operation's kernels that run for what is needed: made for its very block size before made for any. */
export function suiting(kernels: readonly CatalogKernel[], needs: KernelNeeds): readonly CatalogKernel[] {
  const serving = kernels.filter((kernel) => serves(kernel, needs));
  const exact = serving.filter(({ blockSizes }) => blockSizes !== undefined && "oneOf" in blockSizes);
  return exact.length > 0 ? exact : serving;
}

/** Kernels know a cache in the dtype of the model ("auto"), and fp8; "bfloat16" and "fp8_e4m3" are other words for these. */
export function storedAs(kvCacheDtype: KvCacheDType, dtype: ComputeDType): KvCacheDType {
  if (kvCacheDtype === "fp8_e4m3") return "fp8";
  return kvCacheDtype === dtype ? "auto" : kvCacheDtype;
}
