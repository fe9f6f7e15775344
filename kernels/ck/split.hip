// Attention over a paged cache, the keys of a sequence divided among workgroups, 128 at a time. Each leaves a
// result in float and its log-sum-exp; combine.hip merges them.
#include "fmha.h"

#include "ck_tile/ops/fmha/kernel/fmha_fwd_splitkv_kernel.hpp"
#include "ck_tile/ops/fmha/pipeline/block_fmha_fwd_splitkv_pipeline_qr_ks_vs.hpp"

namespace fmha {

using Traits =
    ck_tile::TileFmhaFwdSplitKVTraits<kPadded, kPadded, kPadded, kPadded, kNoSoftCap, kNoBias,
                                      kNoBiasGradient, kStoresLse, kNoScales, kPaged, kUnevenSplits>;
using Problem = ck_tile::BlockFmhaFwdSplitKVPipelineProblem<
    Element, Element, Element, float, float, Element, float, Element, float, float,
    Shape<64, 128, 32, ck_tile::sequence<16, 16, 16>>, kRagged, Variant, Mask, Traits>;
using Split = ck_tile::FmhaFwdSplitKVKernel<ck_tile::BlockFmhaFwdSplitKVPipelineQRKSVS<Problem>,
                                            Epilogue<float, !kPadded>>;

FMHA_ARGUMENT(Split, q_ptr, 0);
FMHA_ARGUMENT(Split, batch, 40);
FMHA_ARGUMENT(Split, num_splits, 68);
FMHA_ARGUMENT(Split, scale_s, 72);
FMHA_ARGUMENT(Split, stride_q, 76);
FMHA_ARGUMENT(Split, nhead_stride_q, 92);
FMHA_ARGUMENT(Split, split_stride_lse_acc, 112);
FMHA_ARGUMENT(Split, window_size_left, 120);
FMHA_ARGUMENT(Split, block_table_ptr, 136);
FMHA_ARGUMENT(Split, is_gappy, 152);
FMHA_ARGUMENT(Split, seqstart_q_ptr, 160);
FMHA_ARGUMENT(Split, batch_stride_k, 184);
FMHA_ARGUMENT_BYTES(Split, 192);

}  // namespace fmha

FMHA_KERNEL(ck_split_bfloat16_d128, fmha::Split)
