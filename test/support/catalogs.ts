import type { Catalog, CatalogKernel } from "../../lib/catalog/choose.js";
import { BUILTIN_BACKENDS } from "../../lib/selection/backends.js";
import { PHASES } from "../../lib/selection/capabilities.js";

/** Every kernel that any backend names, for these targets, able to do everything; without AITER's on request. */
export function syntheticCatalog(targets: readonly string[], { aiter }: { aiter: boolean }): Catalog {
  const launches = Object.values(BUILTIN_BACKENDS).flatMap((capabilities) => [
    ...PHASES.flatMap((phase) => capabilities[phase]).flatMap((choice) => choice.launches),
    ...(capabilities.aiter ?? []).flat(),
  ]);
  const kernels = targets.flatMap((target) =>
    launches
      .filter(({ provider }) => aiter || (provider !== "aiter" && provider !== "ck"))
      .map(({ provider, operation }): CatalogKernel => ({ target, provider, operation, verified: "none" })),
  );
  return { name: aiter ? "with AITER" : "without AITER", kernels };
}
