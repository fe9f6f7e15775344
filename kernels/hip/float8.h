// 8-bit floats with four bits of exponent, of the kind that the target has: FNUZ on gfx942, OCP on gfx950.
#pragma once

#include <hip/hip_runtime.h>

#ifdef __gfx942__
constexpr float kLargestFloat8 = 240.0f;
#else
constexpr float kLargestFloat8 = 448.0f;
#endif

using Floats8 = float __attribute__((ext_vector_type(8)));

// Eight of them, the first in the lowest byte.
using Float8s8 = uint2;

// Rounds to the nearest, ties to even. What is too large saturates, infinities too; NaN stays NaN.
static inline __device__ Float8s8 to_float8(Floats8 values) {
  // The median of three numbers is one of the other two where the first is NaN.
  for (int i = 0; i < 8; i++) {
    const float saturated = __builtin_amdgcn_fmed3f(values[i], -kLargestFloat8, kLargestFloat8);
    values[i] = values[i] == values[i] ? saturated : values[i];
  }
  Float8s8 rounded;
  for (int i = 0; i < 2; i++) {
    const int low = __builtin_amdgcn_cvt_pk_fp8_f32(values[4 * i], values[4 * i + 1], 0, false);
    rounded[i] = __builtin_amdgcn_cvt_pk_fp8_f32(values[4 * i + 2], values[4 * i + 3], low, true);
  }
  return rounded;
}

static inline __device__ Floats8 from_float8(Float8s8 stored) {
  Floats8 values;
  for (int i = 0; i < 2; i++) {
    const auto low = __builtin_amdgcn_cvt_pk_f32_fp8(stored[i], false);
    const auto high = __builtin_amdgcn_cvt_pk_f32_fp8(stored[i], true);
    values[4 * i] = low[0];
    values[4 * i + 1] = low[1];
    values[4 * i + 2] = high[0];
    values[4 * i + 3] = high[1];
  }
  return values;
}

// A scale that the caller has given as a number, or in memory.
static inline __device__ float chosen_scale(float number, const float* tensor) {
  return tensor == nullptr ? number : *tensor;
}
