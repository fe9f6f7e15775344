// A step of ragged sequences as kernels find it in memory.
#pragma once

#include <hip/hip_runtime.h>

// A memory that no kernel changes while it is read: what all lanes read alike comes through the scalar cache.
template <typename T>
using Constant = const T __attribute__((address_space(4)));
template <typename T>
static inline __device__ Constant<T>* constant(const T* pointer) {
  return (Constant<T>*)pointer;
}

constexpr float kLog2E = 1.44269504f;
// Below every score, and finite: the difference of two of them is 0, not NaN.
constexpr float kLowest = -1e30f;

// One sequence of a step. Its last `query_len` tokens are queries.
struct Sequence {
  int first_query;  // among the queries of all sequences
  int query_len;
  int seq_len;
};

static inline __device__ Sequence sequence_at(const int* query_start_loc, const int* seq_lens, int index) {
  const int first = constant(query_start_loc)[index];
  return {first, constant(query_start_loc)[index + 1] - first, constant(seq_lens)[index]};
}
