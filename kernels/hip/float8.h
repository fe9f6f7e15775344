// 8-bit floats with four bits of exponent, of the kind that the target has: FNUZ on gfx942, OCP on gfx950,
// none on gfx90a.
#pragma once

#include <hip/hip_runtime.h>

#ifdef __gfx90a__
constexpr bool kHasFloat8 = false;
#else
constexpr bool kHasFloat8 = true;
#endif

#ifdef __gfx950__
constexpr float kLargestFloat8 = 448.0f;
#else
constexpr float kLargestFloat8 = 240.0f;
#endif

using Float8 = uint8_t;
// Eight of them, the first in the lowest byte.
using Float8s8 = uint2;
using Floats8 = float __attribute__((ext_vector_type(8)));

// Rounds four numbers to the nearest, ties to even. None may be larger than kLargestFloat8.
static inline __device__ uint32_t round_to_float8([[maybe_unused]] float a, [[maybe_unused]] float b,
                                                  [[maybe_unused]] float c, [[maybe_unused]] float d) {
#ifdef __gfx90a__
  return 0;
#else
  return __builtin_amdgcn_cvt_pk_fp8_f32(c, d, __builtin_amdgcn_cvt_pk_fp8_f32(a, b, 0, false), true);
#endif
}

static inline __device__ Float8s8 round_to_float8(Floats8 values) {
  return {round_to_float8(values[0], values[1], values[2], values[3]),
          round_to_float8(values[4], values[5], values[6], values[7])};
}

// What is too large becomes the largest number, infinities too; NaN stays.
static inline __device__ float saturate_to_float8(float value) {
  // The median of three numbers is one of the other two where the first is NaN.
  const float saturated = __builtin_amdgcn_fmed3f(value, -kLargestFloat8, kLargestFloat8);
  return value == value ? saturated : value;
}

// Rounds any numbers.
static inline __device__ Float8s8 to_float8(Floats8 values) {
  for (int i = 0; i < 8; i++) values[i] = saturate_to_float8(values[i]);
  return round_to_float8(values);
}

static inline __device__ Floats8 from_float8([[maybe_unused]] Float8s8 stored) {
  Floats8 values = {};
#ifndef __gfx90a__
  for (int i = 0; i < 2; i++) {
    const auto low = __builtin_amdgcn_cvt_pk_f32_fp8(stored[i], false);
    const auto high = __builtin_amdgcn_cvt_pk_f32_fp8(stored[i], true);
    values[4 * i] = low[0];
    values[4 * i + 1] = low[1];
    values[4 * i + 2] = high[0];
    values[4 * i + 3] = high[1];
  }
#endif
  return values;
}

// A scale that the caller has given as a number, or in memory.
static inline __device__ float chosen_scale(float number, const float* tensor) {
  return tensor == nullptr ? number : *tensor;
}
