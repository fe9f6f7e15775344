// The rows of paged_attention, one for each i of lane 16 g + i: what a lane has of its row's query, its
// softmax so far, and how the waves of a workgroup merge theirs.
#pragma once

#include "operands.h"

constexpr int kWaves = 4;
constexpr int kWave = 64;

template <typename Combine>
static inline __device__ float over_groups(float value, Combine combine) {
  value = combine(value, __shfl_xor(value, 16));
  return combine(value, __shfl_xor(value, 32));
}
static inline __device__ float largest_of_groups(float value) {
  return over_groups(value, [](float a, float b) { return fmaxf(a, b); });
}

// A lane's part of its row: the elements that go with its keys', and what they are to be multiplied with.
struct Query {
  Operands of[kChunks][kTogether / 8];
  float scale;
};

static inline __device__ Query load_query(const Element* row, int g) {
  Elements8 elements[kChunks][kTogether / 8];
  float largest = 0.0f;
  for (int chunk = 0; chunk < kChunks; chunk++) {
    for (int half = 0; half < kTogether / 8; half++) {
      const int first = kTile * chunk + kTogether * g + 8 * half;
      const Elements8 loaded = *(const Elements8*)(row + min(first, kSize - 8));
      elements[chunk][half] = first < kSize ? loaded : Elements8{};
      for (int e = 0; e < 8; e++) largest = fmaxf(largest, fabsf(static_cast<float>(loaded[e])));
    }
  }
  Query query;
  query.scale = 1.0f;
  if (kIsFloat8Product) {
    largest = largest_of_groups(largest);
    if (largest > 0.0f) query.scale = largest / kLargestFloat8;
  }
  for (int chunk = 0; chunk < kChunks; chunk++) {
    for (int half = 0; half < kTogether / 8; half++) {
      round_to(__builtin_convertvector(elements[chunk][half], Floats8) / query.scale, query.of[chunk][half]);
    }
  }
  return query;
}

// The softmax of a lane's row so far. `largest` is the row's, `sum` of the lane's own keys, `output` of all
// keys.
struct Softmax {
  float largest = kLowest;
  float sum = 0.0f;
  Floats4 output[kOutputs] = {};

  // Goes over to a larger maximum.
  __device__ void raise(float to) {
    const float factor = __builtin_amdgcn_exp2f(largest - to);
    largest = to;
    sum *= factor;
    if (__builtin_amdgcn_ballot_w64(factor != 1.0f) != 0) {
      for (int n = 0; n < kOutputs; n++) output[n] *= factor;
    }
  }

  // Turns the scores of a tile into weights.
  __device__ void weigh(const Floats4 (&scores)[kSteps], Operands (&weights)[kPairs][kParts]) {
    float best = largest;
    for (int step = 0; step < kSteps; step++) {
      for (int j = 0; j < 4; j++) best = fmaxf(best, scores[step][j]);
    }
    raise(largest_of_groups(best));
    const float shift = largest - kWeightExponent;
    Floats4 exact[kSteps];
    for (int step = 0; step < kSteps; step++) {
      for (int j = 0; j < 4; j++) exact[step][j] = __builtin_amdgcn_exp2f(scores[step][j] - shift);
      sum += (exact[step][0] + exact[step][1]) + (exact[step][2] + exact[step][3]);
    }
    for (int pair = 0; pair < kPairs; pair++) {
      const Floats4 first = exact[2 * pair], second = exact[2 * pair + 1];
      round_parts(__builtin_shufflevector(first, second, 0, 1, 2, 3, 4, 5, 6, 7), weights[pair]);
    }
  }
};

// Merges the waves' results into that of wave 0, the upper half of them into the lower in each round.
static inline __device__ void merge_waves(Softmax& own, int wave, int lane) {
  __shared__ Floats4 outputs[kWaves / 2][kOutputs][kWave];
  __shared__ float largest[kWaves / 2][kWave], sums[kWaves / 2][kWave];
  for (int half = kWaves / 2; half > 0; half /= 2) {
    if (wave >= half && wave < 2 * half) {
      for (int n = 0; n < kOutputs; n++) outputs[wave - half][n][lane] = own.output[n];
      largest[wave - half][lane] = own.largest;
      sums[wave - half][lane] = own.sum;
    }
    __syncthreads();
    if (wave < half) {
      const float other = largest[wave][lane];
      own.raise(fmaxf(own.largest, other));
      const float factor = __builtin_amdgcn_exp2f(other - own.largest);
      own.sum += factor * sums[wave][lane];
      for (int n = 0; n < kOutputs; n++) own.output[n] += factor * outputs[wave][n][lane];
    }
    __syncthreads();
  }
}
