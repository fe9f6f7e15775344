import { RocmAttentionError } from "../errors.js";
import type { KvCacheLayer } from "../kv-cache/layer.js";

/** Refuses a cache that AITER's decode of latent attention cannot address: ERR_BACKEND_UNSUPPORTED. `reach`: bytes. */
export function checkAiterMlaCache(cache: KvCacheLayer, reach: number): void {
  const { blockStride, strides } = cache.part("latent");
  const { blockSize, bytesPerBlock } = cache.layout;
  if (cache.maxPartBytes > reach) {
    throw new RocmAttentionError(
      "ERR_BACKEND_UNSUPPORTED",
      `ROCM_AITER_MLA's kernels reach ${Math.floor(reach / bytesPerBlock)} blocks of this cache, not ${cache.numBlocks}: TRITON_MLA has no such limit`,
      { argument: "cache" },
    );
  }
  if (blockStride === blockSize * strides[0]!) return;
  throw new RocmAttentionError(
    "ERR_BACKEND_UNSUPPORTED",
    `ROCM_AITER_MLA takes caches whose blocks follow each other without gaps, not ${blockStride} elements apart`,
    { argument: "cache" },
  );
}
