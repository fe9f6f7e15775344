// Attention over a cache whose slots a list names, one for each token; otherwise like forward.hip.
#include "fmha.h"

#include "ck_tile/ops/fmha/kernel/fmha_batch_prefill_kernel.hpp"
#include "ck_tile/ops/fmha/pipeline/block_fmha_batch_prefill_pipeline_qr_ks_vs_async.hpp"

namespace fmha {

using Traits = ck_tile::TileFmhaTraits<kPadded, kPadded, kPadded, kPadded, kNoSoftCap, kNoBias,
                                       kNoBiasGradient, kNoLse, kNoDropout, kNoScales>;
using Problem = ck_tile::BlockFmhaPipelineProblem<
    Element, Element, Element, float, float, Element, uint8_t, float, Element, float, Element,
    Shape<128, 128, 32, ck_tile::sequence<32, 32, 16>>, kRagged, Variant, Mask, kNoTransposedLoads, Traits>;
using BatchPrefill = ck_tile::FmhaBatchPrefillWithPagedKVCacheKernel<
    ck_tile::BlockFmhaBatchPrefillPipelineQRKSVSAsync<Problem>, Epilogue<Element, kPadded>>;

FMHA_ARGUMENT(BatchPrefill, q_ptr, 0);
FMHA_ARGUMENT(BatchPrefill, seqlen_q, 32);
FMHA_ARGUMENT(BatchPrefill, num_total_pages, 56);
FMHA_ARGUMENT(BatchPrefill, kv_indptr, 64);
FMHA_ARGUMENT(BatchPrefill, scale_s, 80);
FMHA_ARGUMENT(BatchPrefill, stride_q, 84);
FMHA_ARGUMENT(BatchPrefill, nhead_stride_q, 100);
FMHA_ARGUMENT(BatchPrefill, window_size_left, 120);
FMHA_ARGUMENT(BatchPrefill, seqstart_q_ptr, 136);
FMHA_ARGUMENT(BatchPrefill, batch_stride_k, 144);
FMHA_ARGUMENT_BYTES(BatchPrefill, 152);

}  // namespace fmha

FMHA_KERNEL(ck_batch_prefill_bfloat16_d128, fmha::BatchPrefill)
