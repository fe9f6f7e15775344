import type { Catalog, CatalogRow } from "../../lib/catalog/choose.js";
import { FEATURES } from "../../lib/catalog/features.js";
import { BUILTIN_BACKENDS } from "../../lib/selection/backends.js";
import { PHASES } from "../../lib/selection/capabilities.js";

const EVERYTHING = Object.fromEntries(FEATURES.map((feature) => [feature, "runtime" as const]));

/** Every kernel that any backend names, for these targets, able to do everything; without AITER's on request. */
export function syntheticCatalog(targets: readonly string[], { aiter }: { aiter: boolean }): Catalog {
  const launches = Object.values(BUILTIN_BACKENDS).flatMap((capabilities) => [
    ...PHASES.flatMap((phase) => capabilities[phase]).flatMap((choice) => choice.launches),
    ...(capabilities.aiter ?? []).flat(),
  ]);
  const kernels = targets.flatMap((target) =>
    launches
      .filter(({ provider }) => aiter || (provider !== "aiter" && provider !== "ck"))
      .map(
        (launch): CatalogRow => ({ target, ...launch, serves: { features: EVERYTHING }, verified: "none" }),
      ),
  );
  return { name: aiter ? "with AITER" : "without AITER", kernels };
}
