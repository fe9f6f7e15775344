import type { Catalog, CatalogKernel, Feature, Provider, Verified } from "./catalog.js";
import type { ComputeDType, KvCacheDType } from "./config.js";

/** What of a kernel folder's manifest selection looks at (lib/kernels has the whole). */
export interface ManifestView {
  readonly target: string;
  readonly kernels: readonly {
    readonly provider: Provider;
    readonly operation: string;
    readonly capabilities: {
      readonly dtypes: readonly ComputeDType[];
      readonly kvCacheDtypes: readonly KvCacheDType[];
      readonly headSizes: readonly number[];
      /** Null: any multiple of 16. */
      readonly blockSize: number | null;
      readonly features: readonly Feature[];
    };
    readonly verified: Verified;
  }[];
}

/** The catalog of the kernel folders that are on this machine. */
export function catalogOfManifests(manifests: readonly ManifestView[]): Catalog {
  const kernels = manifests.flatMap(({ target, kernels }) =>
    kernels.map(({ provider, operation, capabilities, verified }): CatalogKernel => {
      const { dtypes, kvCacheDtypes, headSizes, blockSize, features } = capabilities;
      return {
        target,
        provider,
        operation,
        dtypes,
        kvCacheDtypes,
        headSizes: { oneOf: headSizes },
        blockSizes: blockSize === null ? { multipleOf: 16 } : { oneOf: [blockSize] },
        features,
        verified,
      };
    }),
  );
  return { name: "installed", kernels };
}
