// Attention over a cache in blocks, for sequences with more than a given number of query tokens, or for those
// of them alone that have a context; others are left out. Blocks are of a multiple of the keys of a tile.
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

struct Extending : Extend {
  struct Kargs : Extend::Kargs {
    ck_tile::index_t extends_only;
  };
  __device__ void operator()(Kargs of) const {
    const int32_t* start = of.seqstart_q_ptr + blockIdx.y;
    if (of.extends_only != 0 && start[1] - start[0] == of.seqlen_k_ptr[blockIdx.y]) return;
    Extend::operator()(of);
  }
};

}  // namespace extend

FMHA_KERNEL(SYMBOL, extend::Extending)
