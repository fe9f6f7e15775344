import { installedKernels } from "../kernels/store.js";
import type { Catalog, CatalogKernel, Feature, Provider } from "../selection/catalog.js";
import type { ComputeDType, KvCacheDType } from "../selection/config.js";

/** The kernels on this machine, as selection sees them. Throws ERR_KERNEL_CORRUPT for a damaged manifest. */
export function installedCatalog(env: NodeJS.ProcessEnv = process.env): Catalog {
  const kernels = installedKernels(env).flatMap(({ manifest }) =>
    manifest.kernels.map(({ provider, operation, capabilities, verified }): CatalogKernel => {
      const { blockSize } = capabilities;
      return {
        target: manifest.target,
        provider: provider as Provider,
        operation,
        dtypes: capabilities.dtypes as readonly ComputeDType[],
        kvCacheDtypes: capabilities.kvCacheDtypes as readonly KvCacheDType[],
        headSizes: { oneOf: capabilities.headSizes },
        blockSizes: blockSize === null ? { multipleOf: 16 } : { oneOf: [blockSize] },
        features: capabilities.features as readonly Feature[],
        verified,
      };
    }),
  );
  return { name: "installed", kernels };
}
