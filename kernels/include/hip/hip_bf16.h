#pragma once

#include <hip/hip_fp16.h>

struct __hip_bfloat16 {
  __bf16 value;
};

static inline __device__ float __bfloat162float(__hip_bfloat16 x) { return static_cast<float>(x.value); }
static inline __device__ __hip_bfloat16 __float2bfloat16(float x) {
  return __hip_bfloat16{static_cast<__bf16>(x)};
}
