// 16-bit elements, and products of 16 x 16 matrices of them that a wave computes.
//
// DTYPE is bfloat16 or float16.
#pragma once

#include <hip/hip_runtime.h>

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)

using element_of_bfloat16 = __bf16;
using element_of_float16 = _Float16;
using Element = PASTE(element_of_, DTYPE);

template <typename T, int count>
using Vector = T __attribute__((ext_vector_type(count)));
using Elements4 = Vector<Element, 4>;
using Elements8 = Vector<Element, 8>;
using Floats4 = Vector<float, 4>;

// A 16-bit float's range does not reach far below 1, and gfx90a's matrix unit takes its denormal numbers for
// 0. Weights of a softmax, which are at most 1, are therefore stored times 2 to this power, and their sum is,
// too.
constexpr float kWeightExponent = __is_same(Element, _Float16) ? 15.0f : 0.0f;

// Rows of A, columns of B, and the steps of their sum.
constexpr int kMatrix = 16;

// sum + A B. With l = 16 g + i a lane's number, it holds A[i][4 g ... 4 g + 3], B[4 g ... 4 g + 3][i] and
// sum[4 g ... 4 g + 3][i].
static inline __device__ Floats4 multiply_add(Elements4 a, Elements4 b, Floats4 sum) {
  if constexpr (__is_same(Element, _Float16)) {
    return __builtin_amdgcn_mfma_f32_16x16x16f16(a, b, sum, 0, 0, 0);
  } else {
    using Shorts4 = Vector<short, 4>;
    return __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(__builtin_bit_cast(Shorts4, a),
                                                     __builtin_bit_cast(Shorts4, b), sum, 0, 0, 0);
  }
}

// Half 0 or 1 of eight elements.
static inline __device__ Elements4 half_of(Elements8 elements, int half) {
  return half == 0 ? elements.lo : elements.hi;
}
