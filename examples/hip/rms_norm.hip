// RMSNorm of rows in bfloat16: a workgroup of 64 work-items, one wave, for each row.
#include <hip/hip_runtime.h>

static __device__ float widen(unsigned short bits) { return __builtin_bit_cast(float, unsigned{bits} << 16); }

/** Rounds to the nearest, ties to even; NaN is not provided for. */
static __device__ unsigned short narrow(float value) {
  const unsigned bits = __builtin_bit_cast(unsigned, value);
  return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

extern "C" __global__ void rms_norm(const unsigned short* input, const float* weight, unsigned short* output,
                                    int size, float epsilon) {
  __shared__ float squares[64];
  const unsigned short* row = input + size_t{blockIdx.x} * size;
  float own = 0;
  for (int i = threadIdx.x; i < size; i += 64) own += widen(row[i]) * widen(row[i]);
  squares[threadIdx.x] = own;
  __syncthreads();
  float sum = 0;
  for (int i = 0; i < 64; i++) sum += squares[i];
  const float factor = __builtin_amdgcn_rsqf(sum / size + epsilon);
  for (int i = threadIdx.x; i < size; i += 64) {
    output[size_t{blockIdx.x} * size + i] = narrow(widen(row[i]) * factor * weight[i]);
  }
}
