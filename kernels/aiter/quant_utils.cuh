// For AITER's header of this name: what pa_v1 uses of it.
#pragma once

// Where a kernel writes fp8; no instance here does.
struct hip_fp8 {
  unsigned char data;
  explicit __device__ hip_fp8(float);
};
