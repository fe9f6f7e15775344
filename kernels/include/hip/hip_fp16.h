#pragma once

#include <hip/hip_runtime.h>

typedef _Float16 half;

struct __half2 {
  _Float16 x, y;
};

static inline __device__ __half2 operator+(__half2 a, __half2 b) {
  return {static_cast<_Float16>(a.x + b.x), static_cast<_Float16>(a.y + b.y)};
}

static inline __device__ __half2 __float22half2_rn(float2 values) {
  return {static_cast<_Float16>(values.x), static_cast<_Float16>(values.y)};
}
