// Attention over contiguous keys and values: Q stays in registers, K is loaded into LDS without passing them.
#include "fmha.h"

#include "ck_tile/ops/fmha/kernel/fmha_fwd_kernel.hpp"
#include "ck_tile/ops/fmha/pipeline/block_fmha_pipeline_qr_ks_vs_async.hpp"

namespace fmha {

using Traits = ck_tile::TileFmhaTraits<kPadded, kPadded, kPadded, kPadded, kNoSoftCap, kNoBias,
                                       kNoBiasGradient, kNoLse, kNoDropout, kNoScales>;
using Problem = ck_tile::BlockFmhaPipelineProblem<
    Element, Element, Element, float, float, Element, uint8_t, float, Element, float, Element,
    Shape<128, 128, 32, ck_tile::sequence<32, 32, 16>>, kRagged, Variant, Mask, kNoTransposedLoads, Traits>;
using Forward =
    ck_tile::FmhaFwdKernel<ck_tile::BlockFmhaPipelineQRKSVSAsync<Problem>, Epilogue<Element, kPadded>>;

FMHA_ARGUMENT(Forward, q_ptr, 0);
FMHA_ARGUMENT(Forward, seqlen_q, 32);
FMHA_ARGUMENT(Forward, scale_s, 56);
FMHA_ARGUMENT(Forward, stride_q, 60);
FMHA_ARGUMENT(Forward, nhead_stride_q, 76);
FMHA_ARGUMENT(Forward, window_size_left, 96);
FMHA_ARGUMENT(Forward, seqstart_q_ptr, 112);
FMHA_ARGUMENT(Forward, cu_seqlen_k_ptr, 152);
FMHA_ARGUMENT_BYTES(Forward, 160);

}  // namespace fmha

FMHA_KERNEL(ck_forward_bfloat16_d128, fmha::Forward)
