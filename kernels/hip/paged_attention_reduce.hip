// paged_attention_reduce: merges the partial results of paged_attention. One wave for each query token and
// head: its lanes find the largest maximum and the sum of all segments together, and then each adds up
// elements of its own.
#include "matrix.h"
#include "paged.h"

struct KernelArguments {
  Element* output;       // [tokens, query heads, size]
  float* lse;            // [tokens, query heads], or null
  const Element* sinks;  // [query heads], or null
  const float* partial;  // [sequences, query_tokens, query heads, max_segments, size]
  const float* partial_max;
  const float* partial_sum;
  const int* seq_lens;
  const int* query_start_loc;
  int window;
  int segment_tokens;
  int max_segments;
  int query_tokens;
  int num_heads;
  int stride_output_token;  // strides in elements
  int stride_output_head;
};

constexpr int kSize = HEAD_SIZE;
constexpr int kWave = 64;
constexpr int kElements = (kSize + kWave - 1) / kWave;  // of a lane

template <typename Combine>
static inline __device__ float over_lanes(float value, Combine combine) {
  for (int distance = 1; distance < kWave; distance *= 2) value = combine(value, __shfl_xor(value, distance));
  return value;
}

extern "C" __global__ __launch_bounds__(kWave) void paged_attention_reduce(KernelArguments of) {
  const int index = blockIdx.x / of.query_tokens;
  const int token = blockIdx.x % of.query_tokens;
  const int head = blockIdx.y;
  const int lane = threadIdx.x;
  const Sequence sequence = sequence_at(of.query_start_loc, of.seq_lens, index);
  if (sequence.query_len > of.query_tokens || token >= sequence.query_len) return;
  const int keys = sequence.seq_len - first_key(sequence, of.window);
  const int segments = (keys + of.segment_tokens - 1) / of.segment_tokens;
  const int64_t first = (static_cast<int64_t>(blockIdx.x) * of.num_heads + head) * of.max_segments;

  const float sink = of.sinks == nullptr ? kLowest : static_cast<float>(of.sinks[head]) * kLog2E;
  float largest = sink;
  for (int s = lane; s < segments; s += kWave) largest = fmaxf(largest, of.partial_max[first + s]);
  largest = over_lanes(largest, [](float a, float b) { return fmaxf(a, b); });
  float sum = 0.0f;
  for (int s = lane; s < segments; s += kWave) {
    sum += of.partial_sum[first + s] * __builtin_amdgcn_exp2f(of.partial_max[first + s] - largest);
  }
  sum = over_lanes(sum, [](float a, float b) { return a + b; });
  if (of.sinks != nullptr) sum += __builtin_amdgcn_exp2f(sink - largest + kWeightExponent);

  float output[kElements] = {};
#pragma unroll 4
  for (int s = 0; s < segments; s++) {
    const float factor = __builtin_amdgcn_exp2f(constant(of.partial_max)[first + s] - largest);
    for (int i = 0; i < kElements; i++) {
      const int element = lane + i * kWave;
      if (kSize % kWave == 0 || element < kSize)
        output[i] += factor * of.partial[(first + s) * kSize + element];
    }
  }

  // A row that sees no key has the sum 0: its output is 0, and its LSE the logarithm of 0.
  const float scale = sum == 0.0f ? 0.0f : 1.0f / sum;
  const int64_t row = sequence.first_query + token;
  Element* to = of.output + row * of.stride_output_token + static_cast<int64_t>(head) * of.stride_output_head;
  for (int i = 0; i < kElements; i++) {
    const int element = lane + i * kWave;
    if (kSize % kWave == 0 || element < kSize) to[element] = static_cast<Element>(output[i] * scale);
  }
  if (of.lse != nullptr && lane == 0) {
    const float in_base_2 = largest - kWeightExponent + __builtin_amdgcn_logf(sum);
    of.lse[row * of.num_heads + head] = sum == 0.0f ? -__builtin_inff() : in_base_2 / kLog2E;
  }
}
