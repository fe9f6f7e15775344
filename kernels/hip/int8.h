// Integers of 8 bits, which times a scale are the elements of a cache.
#pragma once

#include "float8.h"

constexpr float kLargestInt8 = 127.0f;

using Int8 = int8_t;
using Int8s8 = Int8 __attribute__((ext_vector_type(8)));

// Rounds numbers of at most kLargestInt8 to the nearest, ties to even.
static inline __device__ Int8s8 round_to_int8(Floats8 values) {
  for (int i = 0; i < 8; i++) values[i] = __builtin_rintf(values[i]);
  return __builtin_convertvector(values, Int8s8);
}

static inline __device__ Floats8 from_int8(Int8s8 stored) { return __builtin_convertvector(stored, Floats8); }
