// paged_attention_reduce: merges the partial results of paged_attention, where a sequence has more than one
// segment.
//
// One wave for each query token, head and slice of 32 elements. Its lanes find the largest maximum and the
// sum of all segments together; then lane 8 s + e adds up elements 4 e ... 4 e + 3 of every eighth segment,
// from s on:
//
//     a load of the wave     segment 0: 128 bytes | segment 1: 128 bytes | ... | segment 7
//     lanes                  0 ... 7              | 8 ... 15             | ... | 56 ... 63
#include "paged.h"

struct KernelArguments {
  const float* partial;  // [sequences, query_tokens, query heads, max_segments, size]
  const float* partial_max;
  const float* partial_sum;
  const int* seq_lens;
  const int* query_start_loc;
  Output to;
  int window;
  int segment_tokens;
  int max_segments;
  int query_tokens;
  int num_heads;
};

constexpr int kSize = HEAD_SIZE;
constexpr int kWave = 64;
constexpr int kSlice = 32;                   // elements of a wave
constexpr int kLanes = kSlice / 4;           // side by side in a segment
constexpr int kSideBySide = kWave / kLanes;  // segments
constexpr int kLoads = 8;                    // under way at once

template <typename T, typename Combine>
static inline __device__ T over_lanes(T value, int from, Combine combine) {
  for (int distance = from; distance < kWave; distance *= 2) {
    value = combine(value, __shfl_xor(value, distance));
  }
  return value;
}

extern "C" __global__ __launch_bounds__(kWave) void paged_attention_reduce(KernelArguments of) {
  const int index = blockIdx.x / of.query_tokens;
  const int token = blockIdx.x % of.query_tokens;
  const int head = blockIdx.y;
  const int lane = threadIdx.x;
  const Sequence sequence = sequence_at(of.query_start_loc, of.seq_lens, index);
  if (sequence.query_len > of.query_tokens || token >= sequence.query_len) return;
  const int segments = Segments{sequence, of.window, of.segment_tokens}.count();
  if (segments == 1) return;
  const int64_t first = (static_cast<int64_t>(blockIdx.x) * of.num_heads + head) * of.max_segments;
  const float* maxima = of.partial_max + first;
  const float* sums = of.partial_sum + first;

  // Loads that belong together are issued together: past the last segment they read the last again.
  float largest = kLowest, sum = 0.0f;
  for (int begin = 0; begin < segments; begin += kLoads * kWave) {
    float part_max[kLoads], part_sum[kLoads];
    for (int i = 0; i < kLoads; i++) {
      const int s = min(begin + i * kWave + lane, segments - 1);
      part_max[i] = maxima[s];
      part_sum[i] = sums[s];
    }
    float top = largest;
    for (float each : part_max) top = fmaxf(top, each);
    sum *= __builtin_amdgcn_exp2f(largest - top);
    largest = top;
    for (int i = 0; i < kLoads; i++) {
      if (begin + i * kWave + lane < segments) sum += part_sum[i] * __builtin_amdgcn_exp2f(part_max[i] - top);
    }
  }
  const float own = largest;
  largest = over_lanes(own, 1, [](float a, float b) { return fmaxf(a, b); });
  sum *= __builtin_amdgcn_exp2f(own - largest);
  sum = over_lanes(sum, 1, [](float a, float b) { return a + b; });

  const int element = blockIdx.z * kSlice + lane % kLanes * 4;
  Floats4 output = {};
  for (int begin = lane / kLanes; begin < segments; begin += kLoads * kSideBySide) {
    Floats4 fours[kLoads];
    float part_max[kLoads];
    for (int i = 0; i < kLoads; i++) {
      const int s = min(begin + i * kSideBySide, segments - 1);
      fours[i] = *(const Floats4*)(of.partial + (first + s) * kSize + element);
      part_max[i] = maxima[s];
    }
    for (int i = 0; i < kLoads; i++) {
      if (begin + i * kSideBySide < segments) {
        output += fours[i] * __builtin_amdgcn_exp2f(part_max[i] - largest);
      }
    }
  }
  for (int j = 0; j < 4; j++) {
    output[j] = over_lanes(output[j], kLanes, [](float a, float b) { return a + b; });
  }
  const Row row{sequence.first_query + token, head, of.num_heads};
  const float factor = row.finish(of.to, largest, sum, lane == 0 && blockIdx.z == 0);
  if (lane < kLanes) row.store(of.to, element, output * factor);
}
