import type { Catalog, CatalogKernel } from "../catalog/choose.js";
import { FEATURES } from "../catalog/features.js";
import type { Sizes } from "../catalog/sizes.js";
import { isTargetOf, PACKAGED_TARGETS } from "../catalog/targets.js";
import { BUILTIN_BACKENDS } from "./backends.js";
import { type Capabilities, type Launch, PHASES } from "./capabilities.js";

type Cell = Pick<Required<CatalogKernel>, "target" | "dtypes" | "headSizes" | "verified">;

/** What the attention kernels are compiled for; kernels/triton/provider.py has the same in its `instances`. */
const CELLS: readonly Cell[] = PACKAGED_TARGETS.flatMap((target) =>
  (["bfloat16", "float16"] as const).flatMap((dtype) =>
    [64, 128].map((headSize): Cell => {
      const isTested = target === "gfx942" || (dtype === "bfloat16" && headSize === 128);
      return {
        ...{ target, dtypes: [dtype], headSizes: { oneOf: [headSize] } },
        verified: isTested ? "emulator" : "none",
      };
    }),
  ),
);

/** The kernels that the packages of this version hold; a test compares them with what the build makes. */
const PUBLISHED: readonly CatalogKernel[] = CELLS.flatMap((cell) => {
  const row = (operation: string, blockSizes: Sizes, verified = cell.verified): CatalogKernel => ({
    ...cell,
    ...{ provider: "triton", operation, kvCacheDtypes: ["auto"], blockSizes },
    ...{ attentionTypes: ["decoder"], features: [], verified },
  });
  return [
    ...["unified_attention_2d", "unified_attention_3d"].flatMap((operation) => [
      row(operation, { oneOf: [16] }),
      row(operation, { multipleOf: 16 }, cell.target === "gfx942" ? "emulator" : "none"),
    ]),
    ...["reduce_segments", "reshape_and_cache_flash"].map((operation) => row(operation, { multipleOf: 16 })),
  ];
});

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
          attentionTypes: limits.attentionTypes,
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
