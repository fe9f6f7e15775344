// Merges what split.hip leaves: up to 16 partial results of each row, by their log-sum-exp.
#include "fmha.h"

#include "ck_tile/ops/fmha/kernel/fmha_fwd_splitkv_combine_kernel.hpp"
#include "ck_tile/ops/fmha/pipeline/block_fmha_fwd_splitkv_combine_pipeline.hpp"

namespace fmha {

constexpr int kLogMaxSplits = 4;
constexpr int kColumns = 32;

using Traits = ck_tile::TileFmhaFwdSplitKVCombineTraits<kPadded, kPadded, kNoLse, kNoScales, kLogMaxSplits>;
using Problem = ck_tile::BlockFmhaSplitKVCombinePipelineProblem<float, float, Element, kHeadSize, kRagged,
                                                                kColumns, Traits>;
using Combine = ck_tile::FmhaFwdSplitKVCombineKernel<ck_tile::BlockFmhaFwdSplitKVCombinePipeline<Problem>,
                                                     Epilogue<Element, !kPadded>>;

FMHA_ARGUMENT(Combine, lse_acc_ptr, 0);
FMHA_ARGUMENT(Combine, batch, 24);
FMHA_ARGUMENT(Combine, num_splits, 36);
FMHA_ARGUMENT(Combine, row_stride_o_acc, 40);
FMHA_ARGUMENT(Combine, nhead_stride_lse_acc, 48);
FMHA_ARGUMENT(Combine, split_stride_lse_acc, 60);
FMHA_ARGUMENT(Combine, seqstart_q_ptr, 72);
FMHA_ARGUMENT_BYTES(Combine, 80);

}  // namespace fmha

FMHA_KERNEL(ck_combine_bfloat16_d128, fmha::Combine)
