import {
  type Catalog,
  type CatalogRow,
  type KernelIndex,
  kernelsFor,
  type Launch,
} from "../catalog/choose.js";
import { FEATURES, type Feature } from "../catalog/features.js";
import { FURTHER_CATALOG, PUBLISHED_CATALOG } from "../catalog/published.js";
import type { KernelNeeds } from "../catalog/serves.js";
import { bareTarget } from "../catalog/targets.js";
import { type LatentSizes, type ResolvedConfig, usesCache } from "../config.js";
import type { LaunchReport } from "./explanation.js";
import type { Flags } from "./variables.js";

/** The input of one selection: the configuration, the flags, the target and the kernels that there are for it. */
export interface SelectionContext {
  readonly config: ResolvedConfig;
  readonly flags: Flags;
  /** Without its features: "gfx942" of "gfx942:sramecc+:xnack-". */
  readonly target: string;
  readonly kernels: KernelIndex;
  /** The kernels of the published packages, to tell what is not installed from what does not exist. */
  readonly published: KernelIndex;
  /** Those that are not published, and that a clone can build. */
  readonly further: KernelIndex;
  readonly features: readonly Feature[];
  /** The kernels that were looked up for each cache layout. */
  readonly byLayout: Map<string | null, LayoutKernels>;
}

/** Launches over one layout: each is part of many phases, and a selection is to cost microseconds. */
export interface LayoutKernels {
  readonly needs: KernelNeeds;
  readonly reports: Map<Launch, LaunchReport>;
}

export function selectionContext(
  config: ResolvedConfig,
  flags: Flags,
  arch: string,
  catalog: Catalog<CatalogRow>,
): SelectionContext {
  return {
    config,
    flags,
    target: bareTarget(arch),
    kernels: kernelsFor(catalog, arch),
    published: kernelsFor(PUBLISHED_CATALOG, arch),
    further: kernelsFor(FURTHER_CATALOG, arch),
    features: FEATURES.filter((feature) => Boolean(config[feature])),
    byLayout: new Map(),
  };
}

/** The kernels over a layout, none of them looked up at first. */
export function kernelsOver(
  layout: string | null,
  { config, features, byLayout }: SelectionContext,
): LayoutKernels {
  const known = byLayout.get(layout);
  if (known !== undefined) return known;
  const { dtype, headSize, blockSize, numHeads, numKvHeads, attentionType, mla } = config;
  const queriesPerKv = numHeads / numKvHeads;
  const kvCacheDtype = usesCache(config) ? config.kvCacheDtype : "auto";
  const needs = { dtype, kvCacheDtype, headSize, blockSize, queriesPerKv, layout, attentionType, features };
  const made = {
    needs: mla === null ? needs : { ...needs, expandedHeadSizes: expanded(mla) },
    reports: new Map(),
  };
  byLayout.set(layout, made);
  return made;
}

function expanded({ qkNopeHeadDim, qkRopeHeadDim, vHeadDim }: LatentSizes): [number, number] {
  return [qkNopeHeadDim + qkRopeHeadDim, vHeadDim];
}
