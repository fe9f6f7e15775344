// Attention over dense keys and values of ragged sequences, for the sizes, element types and features that
// the build defines. Each launch chooses mask and window, and may name the number of query tokens and keys of
// every sequence apart from where they begin.
#include "lse.h"

#include "ck_tile/ops/fmha/kernel/fmha_fwd_kernel.hpp"
#include "ck_tile/ops/fmha/pipeline/block_fmha_pipeline_qr_ks_vs.hpp"
#include "ck_tile/ops/fmha/pipeline/block_fmha_pipeline_qr_ks_vs_async.hpp"

namespace varlen {

using namespace fmha;
using Number = ck_tile::ELEMENT;

constexpr auto kBias = HAS_ALIBI ? ck_tile::BlockAttentionBiasEnum::ALIBI : kNoBias;
using Scores =
    ck_tile::ComposedAttention<HAS_SOFT_CAP ? ck_tile::LOGITS_SOFT_CAP : 0, CK_TILE_FMHA_FWD_FAST_EXP2>;
using Traits = ck_tile::TileFmhaTraits<kPadded, kPadded, kPadded, kPadded, HAS_SOFT_CAP, kBias,
                                       kNoBiasGradient, kStoresLse, kNoDropout, kNoScales>;
using WarpTile = ck_tile::sequence<32, 32, 16>;
using Tile = ck_tile::TileFmhaShape<ck_tile::sequence<128, KEYS, 32, VALUE_SIZE, 32, KEY_SIZE>, Waves,
                                    WarpTile, Waves, WarpTile, kValuesRowMajor>;
using Problem =
    ck_tile::BlockFmhaPipelineProblem<Number, Number, Number, float, float, Number, uint8_t, float, Number,
                                      float, Number, Tile, kRagged, Scores, Mask, kNoTransposedLoads, Traits>;
// Heads of 256 elements leave no room in LDS for loads that go there past the registers.
using Pipeline = std::conditional_t<KEY_SIZE == 256, ck_tile::BlockFmhaPipelineQRKSVS<Problem>,
                                    ck_tile::BlockFmhaPipelineQRKSVSAsync<Problem>>;
using Varlen = LseByToken<ck_tile::FmhaFwdKernel<RowsApart<Pipeline>, Epilogue<Number, kPadded>>>;

FMHA_ARGUMENT(Varlen, q_ptr, 0);
FMHA_ARGUMENT(Varlen, seqlen_q, 32);
FMHA_ARGUMENT(Varlen, scale_s, 56);
FMHA_ARGUMENT(Varlen, stride_q, 60);
FMHA_ARGUMENT(Varlen, nhead_stride_q, 76);

}  // namespace varlen

FMHA_KERNEL(SYMBOL, varlen::Varlen)
