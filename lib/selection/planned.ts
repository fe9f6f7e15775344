import type { Catalog, CatalogRow } from "../catalog/choose.js";
import { FEATURES } from "../catalog/features.js";
import { PUBLISHED_KERNELS } from "../catalog/published.js";
import { isTargetOf, PACKAGED_TARGETS } from "../catalog/targets.js";
import { BUILTIN_BACKENDS } from "./backends.js";
import { type Capabilities, PHASES } from "./capabilities.js";

const LISTED = new Set(PUBLISHED_KERNELS.map(({ provider, operation }) => `${provider}:${operation}`));

/** A row for every kernel that a capability table names and no provider lists yet, as wide as the table says. */
function plannedKernels(capabilities: Capabilities): CatalogRow[] {
  const rows: CatalogRow[] = [];
  for (const choice of PHASES.flatMap((phase) => capabilities[phase])) {
    const limits = { ...capabilities, ...choice.limits };
    for (const target of PACKAGED_TARGETS.filter((name) => isTargetOf(name, limits.targets))) {
      rows.push(
        ...choice.launches
          .filter(({ provider, operation }) => !LISTED.has(`${provider}:${operation}`))
          .map(
            (launch): CatalogRow => ({
              target,
              ...launch,
              serves: {
                dtypes: limits.dtypes,
                kvCacheDtypes: limits.kvCacheDtypes,
                headSizes: limits.headSizes,
                blockSizes: limits.blockSizes,
                attentionTypes: limits.attentionTypes,
                features: Object.fromEntries(
                  FEATURES.filter((feature) => limits[feature]).map((feature) => [
                    feature,
                    "runtime" as const,
                  ]),
                ),
              },
              verified: "none",
              planned: true,
            }),
          ),
      );
    }
  }
  return rows;
}

/** The kernels of this version's packages, and, marked as planned, those that its tables name beyond them. */
export const PUBLISHED_CATALOG: Catalog = {
  name: "published",
  kernels: [...PUBLISHED_KERNELS, ...Object.values(BUILTIN_BACKENDS).flatMap(plannedKernels)],
};
