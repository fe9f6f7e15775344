import {
  type Catalog,
  type CatalogRow,
  type KernelIndex,
  kernelsFor,
  type Launch,
} from "../catalog/choose.js";
import { FEATURES } from "../catalog/features.js";
import type { KernelNeeds } from "../catalog/serves.js";
import { bareTarget } from "../catalog/targets.js";
import type { ResolvedConfig } from "../config.js";
import type { LaunchReport } from "./explanation.js";
import { PUBLISHED_CATALOG } from "./planned.js";
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
  readonly needs: Omit<KernelNeeds, "layout">;
  /** Launches that were looked up, by layout: one is part of many phases, and a selection is to cost microseconds. */
  readonly reports: Map<string | null, Map<Launch, LaunchReport>>;
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
    needs: {
      dtype: config.dtype,
      kvCacheDtype: config.kvCacheDtype,
      headSize: config.headSize,
      blockSize: config.blockSize,
      queriesPerKv: config.numHeads / config.numKvHeads,
      attentionType: config.attentionType,
      features: FEATURES.filter((feature) => Boolean(config[feature])),
    },
    reports: new Map(),
  };
}
