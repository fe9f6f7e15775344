// Attention over a cache in blocks, for sequences with more than a given number of query tokens; others are
// left out. It takes 16 keys at a time, so that blocks of any multiple of 16 slots serve.
#include "fmha.h"

#include "ck_tile/ops/fmha/kernel/fmha_fwd_pagedkv_kernel.hpp"
#include "ck_tile/ops/fmha/pipeline/block_fmha_fwd_pagedkv_pipeline_qr_ks_vs.hpp"

namespace extend {

using namespace fmha;
using Number = ck_tile::ELEMENT;

constexpr int kByRegisters = -1;  // workgroups of a compute unit
constexpr bool kSkipsShort = true;
using Traits =
    ck_tile::TileFmhaFwdPagedKVTraits<kPadded, kPadded, kPadded, kPadded, kNoSoftCap, kNoBias,
                                      kNoBiasGradient, kNoLse, kPaged, kNoScales, kByRegisters, kSkipsShort>;
using Tile = Shape<64, 16, 16, ck_tile::sequence<16, 16, 16>>;
using Problem =
    ck_tile::BlockFmhaFwdPagedKVPipelineProblem<Number, Number, Number, float, float, Number, float, Number,
                                                float, Number, Tile, kRagged, Variant, Mask, Traits>;
using Extend = ck_tile::FmhaFwdPagedKVKernel<ck_tile::BlockFmhaFwdPagedKVPipelineQRKSVS<Problem>,
                                             Epilogue<Number, kPadded>>;

FMHA_ARGUMENT(Extend, q_ptr, 0);
FMHA_ARGUMENT(Extend, seqlen_q, 32);
FMHA_ARGUMENT(Extend, scale_s, 56);
FMHA_ARGUMENT(Extend, stride_q, 60);
FMHA_ARGUMENT(Extend, nhead_stride_q, 76);
FMHA_ARGUMENT(Extend, window_size_left, 96);
FMHA_ARGUMENT(Extend, block_table_ptr, 112);

}  // namespace extend

FMHA_KERNEL(SYMBOL, extend::Extend)
