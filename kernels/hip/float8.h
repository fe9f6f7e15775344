// 8-bit floats with four bits of exponent, as the target has them: FNUZ on gfx942, OCP on gfx950, none on
// gfx90a.
#pragma once

#include <hip/hip_runtime.h>

using Float8 = uint8_t;

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

// Four numbers as floats.
static inline __device__ auto widen_float8([[maybe_unused]] uint32_t four) {
  using Floats4 = float __attribute__((ext_vector_type(4)));
#ifndef __gfx90a__
  const auto low = __builtin_amdgcn_cvt_pk_f32_fp8(four, false),
             high = __builtin_amdgcn_cvt_pk_f32_fp8(four, true);
  return Floats4{low[0], low[1], high[0], high[1]};
#else
  return Floats4{};
#endif
}

// Rounds four numbers, to nearest even. None may be larger than kLargestFloat8.
static inline __device__ uint32_t round_to_float8([[maybe_unused]] float a, [[maybe_unused]] float b,
                                                  [[maybe_unused]] float c, [[maybe_unused]] float d) {
#ifndef __gfx90a__
  const int low = __builtin_amdgcn_cvt_pk_fp8_f32(a, b, 0, false);
  return __builtin_amdgcn_cvt_pk_fp8_f32(c, d, low, true);
#else
  return 0;
#endif
}

// What is too large becomes the largest number; NaN stays.
static inline __device__ float saturate_to_float8(float value) {
  const float inside = fminf(fmaxf(value, -kLargestFloat8), kLargestFloat8);
  return value != value ? value : inside;
}
