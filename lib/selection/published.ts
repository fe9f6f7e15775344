import { BUILTIN_BACKENDS } from "./backends.js";
import { type Capabilities, type Launch, PHASES } from "./capabilities.js";
import { type Catalog, type CatalogKernel, FEATURES } from "./catalog.js";
import { isTargetOf } from "./targets.js";

/** The targets that have a package of kernels. */
export const PACKAGED_TARGETS = ["gfx90a", "gfx942", "gfx950"] as const;

/** What the kernels of this version have in common on a target. */
const TRITON = {
  provider: "triton",
  dtypes: ["bfloat16", "float16"],
  kvCacheDtypes: ["auto"],
  headSizes: { oneOf: [64, 128] },
  blockSizes: { multipleOf: 16 },
  features: [],
  verified: "emulator",
} as const satisfies Partial<CatalogKernel>;

/** The kernels that the packages of this version hold; a test compares them with what the build makes. */
const PUBLISHED: readonly CatalogKernel[] = PACKAGED_TARGETS.flatMap((target) =>
  ["unified_attention_2d", "unified_attention_3d", "reduce_segments", "reshape_and_cache_flash"].map(
    (operation) => ({ ...TRITON, target, operation }),
  ),
);

/** A row for every kernel that a capability table names, as wide as the table says: what there is to come. */
function plannedKernels(capabilities: Capabilities): CatalogKernel[] {
  const rows: CatalogKernel[] = [];
  for (const choice of PHASES.flatMap((phase) => capabilities[phase])) {
    const limits = { ...capabilities, ...choice.limits };
    for (const target of PACKAGED_TARGETS.filter((name) => isTargetOf(name, limits.targets))) {
      rows.push(
        ...choice.launches.map(({ provider, operation }: Launch) => ({
          target,
          provider,
          operation,
          dtypes: limits.dtypes,
          kvCacheDtypes: limits.kvCacheDtypes,
          headSizes: limits.headSizes,
          blockSizes: limits.blockSizes,
          features: FEATURES.filter((feature) => limits[feature]),
          verified: "none" as const,
          planned: true,
        })),
      );
    }
  }
  return rows;
}

/** What the packages of this version have, and, marked as planned, what its tables say beyond that. */
export const PUBLISHED_CATALOG: Catalog = {
  name: "published",
  kernels: [...PUBLISHED, ...Object.values(BUILTIN_BACKENDS).flatMap(plannedKernels)],
};
