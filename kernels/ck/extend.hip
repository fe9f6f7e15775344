// Attention over a cache in blocks, for sequences with more than a given number of query tokens; others are
// left out. Blocks are of a multiple of the keys of a tile.
#include "lse.h"

#include "ck_tile/ops/fmha/kernel/fmha_fwd_pagedkv_kernel.hpp"
#include "ck_tile/ops/fmha/pipeline/block_fmha_fwd_pagedkv_pipeline_qr_ks_vs.hpp"

namespace extend {

using namespace fmha;
using Number = ck_tile::ELEMENT;

constexpr int kByRegisters = -1;  // workgroups of a compute unit
constexpr bool kSkipsShort = true;
using Traits = ck_tile::TileFmhaFwdPagedKVTraits<kPadded, kPadded, kPadded, kPadded, kNoSoftCap, kNoBias,
                                                 kNoBiasGradient, kStoresLse, kPaged, kNoScales, kByRegisters,
                                                 kSkipsShort>;
using Tile = Shape<TILE>;
using Problem =
    ck_tile::BlockFmhaFwdPagedKVPipelineProblem<Number, Number, Number, float, float, Number, float, Number,
                                                float, Number, Tile, kRagged, Variant, Mask, Traits>;
using Pipeline = RowsApart<ck_tile::BlockFmhaFwdPagedKVPipelineQRKSVS<Problem>>;
using Extend = LseByToken<ck_tile::FmhaFwdPagedKVKernel<Pipeline, Epilogue<Number, kPadded>>>;

FMHA_ARGUMENT(Extend, q_ptr, 0);
FMHA_ARGUMENT(Extend, seqlen_q, 32);
FMHA_ARGUMENT(Extend, scale_s, 56);
FMHA_ARGUMENT(Extend, stride_q, 60);
FMHA_ARGUMENT(Extend, nhead_stride_q, 76);
FMHA_ARGUMENT(Extend, window_size_left, 96);
FMHA_ARGUMENT(Extend, lse_ptr, 112);
FMHA_ARGUMENT(Extend, block_table_ptr, 128);

}  // namespace extend

FMHA_KERNEL(SYMBOL, extend::Extend)
