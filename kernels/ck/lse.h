// The LSE of rows, [tokens, heads] as everywhere in this package, from kernels of CK-tile, which write
// [heads, tokens]. They always do: a launch gives them memory.
#pragma once

#include "fmha.h"

namespace fmha {

// The window of LSEs as a pipeline gets it, with rows `heads` apart.
template <typename View, ck_tile::index_t rows>
__device__ auto with_rows_apart(
    ck_tile::tile_window_with_static_lengths<View, ck_tile::tuple<ck_tile::number<rows>>>& window) {
  const auto packed = window.get_bottom_tensor_view().get_buffer_view();
  const ck_tile::index_t heads = gridDim.x;
  const ck_tile::index_t tokens = packed.buffer_size_;
  const auto naive = ck_tile::make_naive_tensor_descriptor(
      ck_tile::make_tuple(tokens), ck_tile::make_tuple(heads), ck_tile::number<1>{}, ck_tile::number<1>{});
  const auto memory = ck_tile::make_buffer_view<ck_tile::address_space_enum::global>(
      packed.p_data_, naive.get_element_space_size());
  using Memory = ck_tile::remove_cvref_t<decltype(memory)>;
  using Rows = ck_tile::remove_cvref_t<decltype(naive)>;
  const auto padded = ck_tile::pad_tensor_view(ck_tile::tensor_view<Memory, Rows>{memory, naive},
                                               window.get_window_lengths(), ck_tile::sequence<kPadded>{});
  return ck_tile::make_tile_window(padded, window.get_window_lengths(), window.get_window_origin());
}

// Every other argument stays as it is.
template <typename Argument>
__device__ Argument& with_rows_apart(Argument& argument) {
  return argument;
}

template <typename Argument>
__device__ Argument& named(Argument&& argument) {
  return argument;
}

template <typename Pipeline>
struct RowsApart : Pipeline {
  template <typename... Arguments>
  __device__ auto operator()(Arguments&&... arguments) const {
    return Pipeline::operator()(named(with_rows_apart(arguments))...);
  }
};

// A kernel whose pipeline is `RowsApart`: it goes to the LSE of a sequence's first token as if tokens were
// packed.
template <typename Kernel>
struct LseByToken : Kernel {
  __device__ void operator()(typename Kernel::Kargs of) const {
    const int64_t first = of.seqstart_q_ptr[blockIdx.y];
    of.nhead_stride_lse = 1;
    of.lse_ptr = static_cast<float*>(of.lse_ptr) + first * (of.num_head_q - 1);
    Kernel::operator()(of);
  }
};

}  // namespace fmha
