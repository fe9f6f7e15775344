import { type Catalog, type CatalogKernel, PROVIDERS, VERIFIED } from "../catalog/choose.js";
import { FEATURES } from "../catalog/features.js";
import { COMPUTE_DTYPES, KV_CACHE_DTYPES } from "../config.js";

/** What of a kernel folder's manifest selection looks at (lib/kernels/manifest.ts has the whole). */
export interface ManifestView {
  readonly target: string;
  readonly kernels: readonly {
    readonly provider: string;
    readonly operation: string;
    readonly capabilities: {
      readonly dtypes: readonly string[];
      readonly kvCacheDtypes: readonly string[];
      readonly headSizes: readonly number[];
      /** Null: any multiple of 16. */
      readonly blockSize: number | null;
      readonly features: readonly string[];
    };
    readonly verified: string;
  }[];
}

/** The catalog of the kernel folders that are on this machine. Kernels of a provider that is not known count for nothing. */
export function catalogOfManifests(manifests: readonly ManifestView[]): Catalog {
  const kernels = manifests.flatMap(({ target, kernels }) =>
    kernels.flatMap(({ provider, operation, capabilities, verified }): CatalogKernel[] => {
      const { dtypes, kvCacheDtypes, headSizes, blockSize, features } = capabilities;
      return known(PROVIDERS, [provider]).map((provider) => ({
        target,
        provider,
        operation,
        dtypes: known(COMPUTE_DTYPES, dtypes),
        kvCacheDtypes: known(KV_CACHE_DTYPES, kvCacheDtypes),
        headSizes: { oneOf: headSizes },
        blockSizes: blockSize === null ? { multipleOf: 16 } : { oneOf: [blockSize] },
        attentionTypes: ["decoder"], // manifests have no word for others yet
        features: known(FEATURES, features),
        verified: known(VERIFIED, [verified])[0] ?? "none",
      }));
    }),
  );
  return { name: "installed", kernels };
}

function known<T extends string>(words: readonly T[], received: readonly string[]): T[] {
  return words.filter((word) => received.includes(word));
}
