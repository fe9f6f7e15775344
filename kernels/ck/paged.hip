// Attention over a paged cache, KEYS keys at a time: the size of a page is a multiple of that.
#include "fmha.h"

#include "ck_tile/ops/fmha/kernel/fmha_fwd_pagedkv_kernel.hpp"
#include "ck_tile/ops/fmha/pipeline/block_fmha_fwd_pagedkv_pipeline_qr_ks_vs.hpp"

namespace fmha {

using Traits = ck_tile::TileFmhaFwdPagedKVTraits<kPadded, kPadded, kPadded, kPadded, kNoSoftCap, kNoBias,
                                                 kNoBiasGradient, kNoLse, kPaged, kNoScales>;
#if KEYS == 16
using Tile = Shape<64, 16, 16, ck_tile::sequence<16, 16, 16>>;
#define SYMBOL ck_paged_bfloat16_d128_n16
#else
using Tile = Shape<128, 128, 32, ck_tile::sequence<32, 32, 16>>;
#define SYMBOL ck_paged_bfloat16_d128_n128
#endif
static_assert(Tile::kN0 == KEYS);
using Problem = ck_tile::BlockFmhaFwdPagedKVPipelineProblem<Element, Element, Element, float, float, Element,
                                                            float, Element, float, Element, Tile, kRagged,
                                                            Variant, Mask, Traits>;
using Paged = ck_tile::FmhaFwdPagedKVKernel<ck_tile::BlockFmhaFwdPagedKVPipelineQRKSVS<Problem>,
                                            Epilogue<Element, kPadded>>;

FMHA_ARGUMENT(Paged, q_ptr, 0);
FMHA_ARGUMENT(Paged, seqlen_q, 32);
FMHA_ARGUMENT(Paged, scale_s, 56);
FMHA_ARGUMENT(Paged, stride_q, 60);
FMHA_ARGUMENT(Paged, nhead_stride_q, 76);
FMHA_ARGUMENT(Paged, window_size_left, 96);
FMHA_ARGUMENT(Paged, block_table_ptr, 112);
FMHA_ARGUMENT(Paged, is_gappy, 128);
FMHA_ARGUMENT(Paged, seqstart_q_ptr, 136);
FMHA_ARGUMENT(Paged, batch_stride_k, 160);
FMHA_ARGUMENT_BYTES(Paged, 168);

}  // namespace fmha

FMHA_KERNEL(SYMBOL, fmha::Paged)
