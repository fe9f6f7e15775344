// The scales of a cache that holds 8 bits of an element: one of all keys and one of all values, or, where
// PER_TOKEN is defined, one of each token's head.
#pragma once

#include "float8.h"

#ifdef PER_TOKEN
constexpr bool kIsPerToken = true;
struct Scales {
  float* key_scales;  // [blocks, heads, slots]
  float* value_scales;
  int stride_scale_block;  // in elements
};

static inline __device__ float* key_scales(const Scales& of) { return of.key_scales; }
static inline __device__ float* value_scales(const Scales& of) { return of.value_scales; }
static inline __device__ int64_t stride_block(const Scales& of) { return of.stride_scale_block; }
static inline __device__ float key_scale(const Scales&) { return 1.0f; }
static inline __device__ float value_scale(const Scales&) { return 1.0f; }
#else
constexpr bool kIsPerToken = false;
struct Scales {
  const float* key_scale_tensor;  // [1], or null: then the number holds
  const float* value_scale_tensor;
  float key_scale;
  float value_scale;
};

static inline __device__ float* key_scales(const Scales&) { return nullptr; }
static inline __device__ float* value_scales(const Scales&) { return nullptr; }
static inline __device__ int64_t stride_block(const Scales&) { return 0; }
static inline __device__ float key_scale(const Scales& of) {
  return chosen_scale(of.key_scale, of.key_scale_tensor);
}
static inline __device__ float value_scale(const Scales& of) {
  return chosen_scale(of.value_scale, of.value_scale_tensor);
}
#endif
