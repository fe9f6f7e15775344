import { RocmAttentionError } from "../errors.js";
import type { KvCacheLayer } from "../kv-cache/layer.js";

/** Throws where AITER's decode of latent attention, whose addresses end after `reach` bytes, cannot serve a cache. */
export function checkReach(cache: KvCacheLayer, reach: number): void {
  const refusal = refusalOf(cache, reach);
  if (refusal !== null) throw refusal;
}

/** Why AITER's decode of latent attention, whose addresses end after `reach` bytes, cannot serve a cache; null: it can. */
export function refusalOf(cache: KvCacheLayer, reach: number): RocmAttentionError | null {
  const { blockStride, strides } = cache.part("latent");
  const { blockSize, bytesPerBlock } = cache.layout;
  const refuse = (message: string) =>
    new RocmAttentionError("ERR_BACKEND_UNSUPPORTED", message, { argument: "cache" });
  if (cache.maxPartBytes > reach) {
    const blocks = Math.floor(reach / bytesPerBlock);
    return refuse(
      `ROCM_AITER_MLA's kernels reach ${blocks} blocks of this cache, not ${cache.numBlocks}: TRITON_MLA has no such limit`,
    );
  }
  if (blockStride === blockSize * strides[0]!) return null;
  return refuse(
    `ROCM_AITER_MLA takes caches whose blocks follow each other without gaps, not ${blockStride} elements apart`,
  );
}
