// The parts that the kernels of paged decode have in common: which keys a sequence's rows see, how its
// segments lie, and how a row's sums become its output.
#pragma once

#include "float8.h"
#include "matrix.h"
#include "sequence.h"

// Keys of a piece, whose slots follow each other in one block: a block is a whole number of them.
constexpr int kSlots = 16;

// The segments of a sequence, of which workgroups take one each.
struct Segments {
  Sequence of;
  int window;
  int tokens;  // keys of one, before they are made even

  // The key at which the first segment begins: that of the piece with the first that the first query sees.
  __device__ int first_key() const {
    return max(0, of.seq_len - of.query_len - window + 1) / kSlots * kSlots;
  }
  __device__ int count() const { return (of.seq_len - first_key() + tokens - 1) / tokens; }
  // The key at which a segment begins: they differ by a piece at most.
  __device__ int begin(uint32_t segment, uint32_t count) const {
    const int first = first_key();
    const uint32_t pieces = (of.seq_len - first + kSlots - 1) / kSlots;
    return first + segment * pieces / count * kSlots;
  }
};

// Where results go.
struct Output {
  void* output;          // [tokens, query heads, size], of Element or in fp8
  float* lse;            // [tokens, query heads], or null
  const Element* sinks;  // [query heads], or null
  const float* output_scale_tensor;
  float output_scale;
  int write_fp8;
  int stride_output_token;  // strides in elements
  int stride_output_head;
};

// A row's results: of one query token and head.
struct Row {
  int64_t token;
  int head;
  int num_heads;

  // Finishes the row's softmax, and stores its LSE if the lane `writes`. Returns the factor from the sum of
  // weighted values to the output. A row that sees no key has the sum 0: its output is 0, its LSE the
  // logarithm of 0.
  __device__ float finish(const Output& to, float largest, float sum, bool writes) const {
    const float sink = to.sinks == nullptr ? kLowest : static_cast<float>(to.sinks[head]) * kLog2E;
    const float top = fmaxf(largest, sink);
    const float factor = __builtin_amdgcn_exp2f(largest - top);
    float total = sum * factor;
    if (to.sinks != nullptr) total += __builtin_amdgcn_exp2f(sink - top);
    if (to.lse != nullptr && writes) {
      const float lse = (top + __builtin_amdgcn_logf(total)) / kLog2E;
      to.lse[token * num_heads + head] = total == 0.0f ? -__builtin_inff() : lse;
    }
    return total == 0.0f ? 0.0f : factor / total;
  }

  // Stores four elements of the row, from `element` on.
  __device__ void store(const Output& to, int element, Floats4 values) const {
    const int64_t at =
        token * to.stride_output_token + static_cast<int64_t>(head) * to.stride_output_head + element;
    if (kHasFloat8 && to.write_fp8 != 0) {
      values /= chosen_scale(to.output_scale, to.output_scale_tensor);
      for (int j = 0; j < 4; j++) values[j] = saturate_to_float8(values[j]);
      *(uint32_t*)((uint8_t*)to.output + at) = round_to_float8(values[0], values[1], values[2], values[3]);
    } else {
      *(Elements4*)((Element*)to.output + at) = __builtin_convertvector(values, Elements4);
    }
  }
};
