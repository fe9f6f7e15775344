#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "execute/lanes.h"

// Number formats and the arithmetic that compilers do not give with equal bits on every CPU level.

namespace emulator {
namespace EMULATOR_LEVEL {

/// A 16-bit float as functions see it: widened exactly, rounded once when it is stored. Rounding through
/// binary32 is exact for +, -, *, / and sqrt (24 >= 2 * 11 + 2 bits).
struct F16 {
  float value;
};

/// One that is moved: only modifiers change its bits.
struct F16Bits {
  uint16_t value;
};

/// Two of them in one register.
struct F16Pair {
  float low, high;
};

/// Whether F gives one of its sources back, which the arithmetic of the processor does not flush.
template <auto F>
constexpr bool kReturnsSource = false;

inline float floatOf(uint32_t bits) { return bitCast<float>(bits); }
inline uint32_t bitsOf(float value) { return bitCast<uint32_t>(value); }
inline bool isNan(float value) { return (bitsOf(value) & 0x7fffffff) > 0x7f800000; }
inline bool isNan(double value) { return value != value; }

inline float halfToFloat(uint32_t half) {
  const uint32_t sign = (half & 0x8000) << 16, magnitude = half & 0x7fff;
  const uint32_t normal = (magnitude << 13) + 0x38000000;
  // Infinities keep their mantissa 0, NaNs become quiet.
  const uint32_t special = (magnitude << 13) | 0x7f800000 | (magnitude > 0x7c00 ? 0x400000 : 0);
  const uint32_t denormal = bitsOf(static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-24f);
  const uint32_t bits = magnitude >= 0x7c00 ? special : magnitude < 0x400 ? denormal : normal;
  return floatOf(sign | bits);
}

/// Rounds to nearest, ties to even; overflow gives infinity.
inline uint32_t floatToHalf(float value) {
  const uint32_t bits = bitsOf(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  const uint32_t normal = (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13;
  // Below 2^-14 the unit in the last place is 2^-24, that of 0.5f: the addition rounds.
  const uint32_t denormal = bitsOf(floatOf(magnitude) + 0.5f) - 0x3f000000;
  const uint32_t nan = 0x7e00 | (magnitude >> 13 & 0x1ff);
  const uint32_t large = magnitude > 0x7f800000 ? nan : 0x7c00;
  return sign | (magnitude >= 0x477ff000 ? large : magnitude < 0x38800000 ? denormal : normal);
}

/// Rounds toward zero; overflow gives the largest finite number.
inline uint32_t floatToHalfTowardZero(float value) {
  const uint32_t bits = bitsOf(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  const uint32_t normal = (magnitude - 0x38000000) >> 13;
  const uint32_t denormal =
      static_cast<uint32_t>(static_cast<int32_t>(floatOf(magnitude < 0x38800000 ? magnitude : 0) * 0x1p24f));
  const uint32_t nan = 0x7e00 | (magnitude >> 13 & 0x1ff);
  const uint32_t special = magnitude > 0x7f800000 ? nan : magnitude == 0x7f800000 ? 0x7c00 : 0x7bff;
  return sign | (magnitude >= 0x47800000 ? special : magnitude < 0x38800000 ? denormal : normal);
}

inline float bf16ToFloat(uint32_t bits) { return floatOf(bits << 16); }

/// Rounds to nearest, ties to even.
inline uint32_t floatToBf16(float value) {
  const uint32_t bits = bitsOf(value);
  const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return (bits & 0x7fffffff) > 0x7f800000 ? (bits >> 16 | 0x40) : rounded;
}

inline float fusedMultiplyAdd(float a, float b, float c) {
#if defined(__FMA__)
  return __builtin_fmaf(a, b, c);
#else
  // The product is exact in binary64. The sum is rounded to odd, which makes the second rounding harmless.
  const double product = static_cast<double>(a) * static_cast<double>(b), addend = c;
  const double sum = product + addend;
  const double part = sum - product;
  const double error = (product - (sum - part)) + (addend - part);
  uint64_t bits = bitCast<uint64_t>(sum);
  const bool finite = (bits >> 52 & 0x7ff) != 0x7ff;
  if (finite && error != 0 && !(bits & 1)) bits += (error > 0) == (sum > 0) ? 1 : -1;
  return static_cast<float>(bitCast<double>(bits));
#endif
}
inline double fusedMultiplyAdd(double a, double b, double c) { return std::fma(a, b, c); }

/// What invalid operations leave (inf - inf, 0 * inf, the root of -1): a quiet NaN with the sign that x86-64
/// gives it, and AMD's documents give 0 / 0.
template <class T>
inline T invalidResult() {
  return -std::numeric_limits<T>::quiet_NaN();
}

/// The clamp modifier: `keepsNan` is MODE.DX10_CLAMP = 0, under which a NaN stays; else it becomes 0.
template <class T>
inline T clampToUnit(T value, bool keepsNan) {
  const T number = value > T{0} ? (value < T{1} ? value : T{1}) : T{0};
  return keepsNan && isNan(value) ? value : number;
}

inline float quieted(float nan) { return floatOf(bitsOf(nan) | 0x400000); }
inline double quieted(double nan) { return bitCast<double>(bitCast<uint64_t>(nan) | uint64_t{1} << 51); }
/// The source if it is NaN, else the result. Said of all sources but the last: where two are NaN, x86 leaves
/// the one that the compiler has put first, and of the order of a sum or product it decides anew for each
/// level.
template <class T>
inline T nanOr(T source, T result) {
  return isNan(source) ? quieted(source) : result;
}

/// IEEE minNum and maxNum as v_min and v_max compute them: a NaN gives the other operand, -0 < +0.
inline float minimum(float a, float b) {
  const float smaller = a < b ? a : b < a ? b : floatOf(bitsOf(a) | bitsOf(b));
  return isNan(a) ? b : isNan(b) ? a : smaller;
}
inline float maximum(float a, float b) {
  const float larger = a > b ? a : b > a ? b : floatOf(bitsOf(a) & bitsOf(b));
  return isNan(a) ? b : isNan(b) ? a : larger;
}
inline double minimum(double a, double b) {
  return isNan(a)   ? b
         : isNan(b) ? a
         : a < b    ? a
         : b < a    ? b
                    : bitCast<double>(bitCast<uint64_t>(a) | bitCast<uint64_t>(b));
}
inline double maximum(double a, double b) {
  return isNan(a)   ? b
         : isNan(b) ? a
         : a > b    ? a
         : b > a    ? b
                    : bitCast<double>(bitCast<uint64_t>(a) & bitCast<uint64_t>(b));
}

// Roundings to an integral value, without the libm calls that baseline x86-64 would need; MODE has no say in
// them.
inline float roundToEven(float value) {
  const float magnitude = floatOf(bitsOf(value) & 0x7fffffff);
  const float small = magnitude < 0x1p23f ? magnitude : 0.0f;
  const int32_t whole = static_cast<int32_t>(small);
  const float rest = small - static_cast<float>(whole);
  const bool up = rest > 0.5f || (rest == 0.5f && (whole & 1));
  const float result = magnitude < 0x1p23f ? static_cast<float>(whole + up) : magnitude;
  return isNan(value) ? quieted(value) : floatOf(bitsOf(result) | (bitsOf(value) & 0x80000000));
}
inline float truncate(float value) {
  const float magnitude = floatOf(bitsOf(value) & 0x7fffffff);
  const float small = magnitude < 0x1p23f ? magnitude : 0.0f;
  const float whole = static_cast<float>(static_cast<int32_t>(small));
  const float result = magnitude < 0x1p23f ? whole : magnitude;
  return isNan(value) ? quieted(value) : floatOf(bitsOf(result) | (bitsOf(value) & 0x80000000));
}
inline float floorOf(float value) {
  const float whole = truncate(value);
  const float result = whole > value ? whole - 1.0f : whole;
  return floatOf(bitsOf(result) | (bitsOf(value) & 0x80000000));
}
inline float ceilingOf(float value) {
  const float whole = truncate(value);
  const float result = whole < value ? whole + 1.0f : whole;
  return floatOf(bitsOf(result) | (bitsOf(value) & 0x80000000));
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
