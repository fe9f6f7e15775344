// Attention over keys and values that latents expand to, with heads of 192 and 128 elements.
#include "lse.h"

#include "ck_tile/ops/fmha/kernel/fmha_fwd_kernel.hpp"
#include "ck_tile/ops/fmha/pipeline/block_fmha_pipeline_qr_ks_vs_async.hpp"

// Which of three buffers in LDS the 6 parts of a tile's keys go to, and then the 4 of its values. By
// CK-tile's rule the first values would go where other waves may still read the last keys.
template <>
template <>
struct ck_tile::BlockFmhaPipelineQRKSVSAsyncDefaultPolicy::LdsBufferSequence<3, 3, 6, 4> {
  using type = ck_tile::sequence<1, 2, 0, 1, 2, 0, 1, 0, 2, 0>;
};

#include "varlen.hip"
