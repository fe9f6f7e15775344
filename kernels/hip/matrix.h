// Elements of 16 or 32 bits, and products of 16 x 32 by 32 x 16 matrices of them that a wave computes.
//
// DTYPE is bfloat16, float16 or float32.
#pragma once

#include "float8.h"

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)

using element_of_bfloat16 = __bf16;
using element_of_float16 = _Float16;
using element_of_float32 = float;
using Element = PASTE(element_of_, DTYPE);

template <typename T, int count>
using Vector = T __attribute__((ext_vector_type(count)));
using Elements4 = Vector<Element, 4>;
using Elements8 = Vector<Element, 8>;
using Floats4 = Vector<float, 4>;

constexpr bool kIsFloat16 = __is_same(Element, _Float16);

// Rows of A and columns of B.
constexpr int kMatrix = 16;

// sum + A B. With l = 16 g + i a lane's number, it holds A[i][8 g ... 8 g + 7], B[8 g ... 8 g + 7][i] and
// sum[4 g ... 4 g + 3][i]. Where the target multiplies 16 or 4 steps at a time, it takes parts of every lane
// in turn: the order of a sum's terms is free, as long as A and B agree.
static inline __device__ Floats4 multiply_add(Vector<_Float16, 8> a, Vector<_Float16, 8> b, Floats4 sum) {
#if defined(__gfx950__)
  return __builtin_amdgcn_mfma_f32_16x16x32_f16(a, b, sum, 0, 0, 0);
#else
  sum = __builtin_amdgcn_mfma_f32_16x16x16f16(a.lo, b.lo, sum, 0, 0, 0);
  return __builtin_amdgcn_mfma_f32_16x16x16f16(a.hi, b.hi, sum, 0, 0, 0);
#endif
}
static inline __device__ Floats4 multiply_add(Vector<__bf16, 8> a, Vector<__bf16, 8> b, Floats4 sum) {
#if defined(__gfx950__)
  return __builtin_amdgcn_mfma_f32_16x16x32_bf16(a, b, sum, 0, 0, 0);
#else
  using Shorts8 = Vector<short, 8>;
  const Shorts8 left = __builtin_bit_cast(Shorts8, a), right = __builtin_bit_cast(Shorts8, b);
  sum = __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(left.lo, right.lo, sum, 0, 0, 0);
  return __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(left.hi, right.hi, sum, 0, 0, 0);
#endif
}
static inline __device__ Floats4 multiply_add(Vector<float, 8> a, Vector<float, 8> b, Floats4 sum) {
  for (int e = 0; e < 8; e++) sum = __builtin_amdgcn_mfma_f32_16x16x4f32(a[e], b[e], sum, 0, 0, 0);
  return sum;
}

// The same of numbers in fp8, eight a lane.
static inline __device__ Floats4 multiply_add([[maybe_unused]] Float8s8 a, [[maybe_unused]] Float8s8 b,
                                              Floats4 sum) {
#ifndef __gfx90a__
  return __builtin_amdgcn_mfma_f32_16x16x32_fp8_fp8(__builtin_bit_cast(long, a), __builtin_bit_cast(long, b),
                                                    sum, 0, 0, 0);
#else
  return sum;
#endif
}
