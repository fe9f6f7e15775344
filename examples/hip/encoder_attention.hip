// Attention in which every token of a sequence sees every other, in float32 with heads of 64 elements, as
// plainly as it can be written: a wave for each token and head, a work-item for each element.
#include <hip/hip_runtime.h>

constexpr int kHeadSize = 64;

extern "C" __global__ void encoder_attention(const float* query, const float* key, const float* value,
                                             float* output, const int* query_start_loc, int heads,
                                             int kv_heads, float scale) {
  __shared__ float products[kHeadSize];
  const int token = blockIdx.x, head = blockIdx.y, element = threadIdx.x;
  const int kv_head = head * kv_heads / heads;
  int sequence = 0;
  while (query_start_loc[sequence + 1] <= token) sequence++;

  const size_t own = (size_t{blockIdx.x} * heads + head) * kHeadSize + element;
  float largest = -__builtin_inff(), total = 0, sum = 0;
  for (int other = query_start_loc[sequence]; other < query_start_loc[sequence + 1]; other++) {
    const size_t at = (size_t(other) * kv_heads + kv_head) * kHeadSize + element;
    products[element] = query[own] * key[at];
    __syncthreads();
    float score = 0;
    for (int i = 0; i < kHeadSize; i++) score += products[i];
    __syncthreads();
    score *= scale;
    const float next = __builtin_fmaxf(largest, score);
    const float rescale = __builtin_amdgcn_exp2f((largest - next) * 1.44269504f);
    const float weight = __builtin_amdgcn_exp2f((score - next) * 1.44269504f);
    total = total * rescale + weight;
    sum = sum * rescale + weight * value[at];
    largest = next;
  }
  output[own] = sum / total;
}
