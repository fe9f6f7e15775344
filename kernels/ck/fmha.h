// What the instances of CK-tile's attention have in common: bfloat16, head size 128, ragged batches ("group
// mode"), a mask that each launch chooses, and lengths that need not fill tiles.
#pragma once

// CK-tile's headers rely on others being there before them.
#include "ck_tile/core.hpp"
#include "ck_tile/ops/common/tensor_layout.hpp"
#include "ck_tile/ops/epilogue/default_2d_epilogue.hpp"
#include "ck_tile/ops/fmha/block/block_attention_bias_enum.hpp"
#include "ck_tile/ops/fmha/block/block_dropout.hpp"
#include "ck_tile/ops/fmha/block/block_masking.hpp"
#include "ck_tile/ops/fmha/block/block_position_encoding.hpp"
#include "ck_tile/ops/fmha/block/page_block_navigator.hpp"
#include "ck_tile/ops/fmha/block/variants.hpp"
#include "ck_tile/ops/fmha/pipeline/block_fmha_pipeline_problem.hpp"
#include "ck_tile/ops/fmha/pipeline/tile_fmha_shape.hpp"
#include "ck_tile/ops/fmha/pipeline/tile_fmha_traits.hpp"

namespace fmha {

// Pipelines take the types of Q, K, V, the scores, their softmax, the bias, (random numbers,) log-sum-exps,
// P, the sums of P V and the result.
using Element = ck_tile::bf16_t;
using Variant = ck_tile::ComposedAttention<0, CK_TILE_FMHA_FWD_FAST_EXP2>;
using Mask = ck_tile::SimplifiedGenericAttentionMask<true>;

constexpr int kHeadSize = 128;
constexpr auto kNoBias = ck_tile::BlockAttentionBiasEnum::NO_BIAS;

// Names for the flags of CK-tile's templates.
constexpr bool kPadded = true;
constexpr bool kRagged = true;
constexpr bool kPaged = true;
constexpr bool kValuesRowMajor = true;
constexpr bool kUnevenSplits = true;
constexpr bool kStoresLse = true;
constexpr bool kNoLse = false;
constexpr bool kNoSoftCap = false;
constexpr bool kNoBiasGradient = false;
constexpr bool kNoDropout = false;
constexpr bool kNoScales = false;
constexpr bool kNoTransposedLoads = false;

// Four waves work on a tile of `rows` queries by `keys` keys: scores in steps of 32 elements of the head,
// outputs in steps of `valueKeys` keys. `WarpTile` is the shape of a wave's matrix product.
using Waves = ck_tile::sequence<4, 1, 1>;
template <int rows, int keys, int valueKeys, typename WarpTile>
using Shape = ck_tile::TileFmhaShape<ck_tile::sequence<rows, keys, 32, kHeadSize, valueKeys, kHeadSize>,
                                     Waves, WarpTile, Waves, WarpTile, kValuesRowMajor>;

// Writes a tile of floats as `Output`, bounded by the tensor's extents where it is padded.
template <typename Output, bool isPadded>
using Epilogue =
    ck_tile::Default2DEpilogue<ck_tile::Default2DEpilogueProblem<float, Output, isPadded, isPadded>>;

}  // namespace fmha

// Defines the kernel `symbol`, which takes the structure of arguments of CK-tile's `Kernel`. The build asks
// clang for the layout of KernelArguments.
#define FMHA_KERNEL(symbol, Kernel)                                                             \
  struct KernelArguments {                                                                      \
    Kernel::Kargs arguments;                                                                    \
  };                                                                                            \
  static_assert(sizeof(KernelArguments) == sizeof(Kernel::Kargs));                              \
  extern "C" __global__ __launch_bounds__(Kernel::kBlockSize, Kernel::kBlockPerCu) void symbol( \
      Kernel::Kargs arguments) {                                                                \
    Kernel{}(arguments);                                                                        \
  }

// Checks where CK-tile looks for an argument, which launches write by the same numbers.
#define FMHA_ARGUMENT(Kernel, member, offset) static_assert(offsetof(Kernel::Kargs, member) == (offset))
#define FMHA_ARGUMENT_BYTES(Kernel, bytes) static_assert(sizeof(Kernel::Kargs) == (bytes))
