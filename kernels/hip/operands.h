// Operands of the matrix products of paged_attention, and how numbers become them: those of the cache, of the
// queries and the weights. PRODUCTS says what they are: "elements" of 16 bits, or "fp8".
#pragma once

#include "paged_cache.h"

using operands_in_elements = Elements8;
using operands_in_fp8 = Float8s8;
using Operands = PASTE(operands_in_, PRODUCTS);
constexpr bool kIsFloat8Product = __is_same(Operands, Float8s8);
static_assert(kIsFloat8Cache || !kIsFloat8Product);

// Weights of a softmax are at most 1. They are multiplied times 2 to this power, so that small ones keep
// their bits: gfx90a's matrix unit takes float16's denormal numbers for 0, and fp8 has few numbers below 1.
constexpr float kWeightExponent =
    kIsFloat8Product ? (kLargestFloat8 > 256.0f ? 8.0f : 7.0f) : (kIsFloat16 ? 15.0f : 0.0f);

// Eight of the numbers that a lane has loaded.
static inline __device__ Elements8 eight_of(Elements8 stored, int) { return stored; }
static inline __device__ Float8s8 eight_of(Vector<Float8, 16> stored, int half) {
  return __builtin_bit_cast(Float8s8, half == 0 ? stored.lo : stored.hi);
}
static inline __device__ Int8s8 eight_of(Vector<Int8, 16> stored, int half) {
  return half == 0 ? stored.lo : stored.hi;
}

static inline __device__ Floats8 widened(Float8s8 from) { return from_float8(from); }
static inline __device__ Floats8 widened(Int8s8 from) { return from_int8(from); }

// Stored numbers as operands: unchanged, or widened.
static inline __device__ void convert(Elements8 from, Elements8& to) { to = from; }
static inline __device__ void convert(Float8s8 from, Float8s8& to) { to = from; }
static inline __device__ void convert(Float8s8 from, Elements8& to) {
  to = __builtin_convertvector(widened(from), Elements8);
}
static inline __device__ void convert(Int8s8 from, Elements8& to) {
  to = __builtin_convertvector(widened(from), Elements8);
}
static inline __device__ Operands operands(Stored16Bytes stored, int half) {
  Operands to;
  convert(eight_of(stored, half), to);
  return to;
}

#ifdef PER_TOKEN
// The same times the scales of their tokens.
static inline __device__ Operands operands(Stored16Bytes stored, int half, Floats8 scales) {
  return __builtin_convertvector(widened(eight_of(stored, half)) * scales, Operands);
}
#else
static inline __device__ Operands operands(Stored16Bytes stored, int half, float) {
  return operands(stored, half);
}
#endif

// Rounds numbers to operands.
static inline __device__ void round_to(Floats8 from, Elements8& to) {
  to = __builtin_convertvector(from, Elements8);
}
static inline __device__ void round_to(Floats8 from, Float8s8& to) { to = round_to_float8(from); }

// Weights as operands, whose products are added up. In fp8 they are two: the second is what rounding has
// taken from the first, which would be 3 % of many a row.
constexpr int kParts = kIsFloat8Product ? 2 : 1;
static inline __device__ void round_parts(Floats8 from, Elements8 (&to)[1]) { round_to(from, to[0]); }
static inline __device__ void round_parts(Floats8 from, Float8s8 (&to)[2]) {
  round_to(from, to[0]);
  round_to(from - from_float8(to[0]), to[1]);
}
