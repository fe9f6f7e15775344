#pragma once

#include "execute/numeric.h"
#include "execute/transcendental.h"

// Floating-point operations, one lane at a time (see vector_operation.h). Multiply-adds are fused only where
// the ISA says so (fma); mad and mac round the product first and flush denormals.

namespace emulator {
namespace EMULATOR_LEVEL {

inline float addF32(float a, float b) { return nanOr(a, a + b); }
inline float subtractF32(float a, float b) { return nanOr(a, a - b); }
inline float reverseSubtractF32(float a, float b) { return nanOr(a, b - a); }
inline float multiplyF32(float a, float b) { return nanOr(a, a * b); }
/// 0 times anything is 0.
inline float multiplyLegacyF32(float a, float b) { return a == 0.0f || b == 0.0f ? 0.0f : multiplyF32(a, b); }
inline float minF32(float a, float b) { return minimum(a, b); }
inline float maxF32(float a, float b) { return maximum(a, b); }
inline float fmaF32(float a, float b, float c) { return nanOr(a, nanOr(b, fusedMultiplyAdd(a, b, c))); }
inline float madF32(float a, float b, float c) {
  const float product = flushDenormal(multiplyF32(flushDenormal(a), flushDenormal(b)));
  return flushDenormal(addF32(product, flushDenormal(c)));
}
inline float madLegacyF32(float a, float b, float c) {
  return a == 0.0f || b == 0.0f ? flushDenormal(c) : madF32(a, b, c);
}
inline float min3F32(float a, float b, float c) { return minimum(minimum(a, b), c); }
inline float max3F32(float a, float b, float c) { return maximum(maximum(a, b), c); }
/// The middle value; with a NaN among them, the smallest.
inline float med3F32(float a, float b, float c) {
  const float middle = maximum(minimum(a, b), minimum(maximum(a, b), c));
  return isNan(a) || isNan(b) || isNan(c) ? min3F32(a, b, c) : middle;
}
/// IEEE 754-2019 minimum and maximum: a NaN source gives NaN.
inline float minimum3F32(float a, float b, float c) {
  return isNan(a) ? a : isNan(b) ? b : isNan(c) ? c : min3F32(a, b, c);
}
inline float maximum3F32(float a, float b, float c) {
  return isNan(a) ? a : isNan(b) ? b : isNan(c) ? c : max3F32(a, b, c);
}

inline double addF64(double a, double b) { return nanOr(a, a + b); }
inline double multiplyF64(double a, double b) { return nanOr(a, a * b); }
inline double minF64(double a, double b) { return minimum(a, b); }
inline double maxF64(double a, double b) { return maximum(a, b); }
inline double fmaF64(double a, double b, double c) { return nanOr(a, nanOr(b, fusedMultiplyAdd(a, b, c))); }

#define RETURNS_SOURCE(f) \
  template <>             \
  inline constexpr bool kReturnsSource<f> = true
RETURNS_SOURCE(minF32);
RETURNS_SOURCE(maxF32);
RETURNS_SOURCE(min3F32);
RETURNS_SOURCE(max3F32);
RETURNS_SOURCE(med3F32);
RETURNS_SOURCE(minimum3F32);
RETURNS_SOURCE(maximum3F32);
RETURNS_SOURCE(minF64);
RETURNS_SOURCE(maxF64);
#undef RETURNS_SOURCE

inline F16 addF16(F16 a, F16 b) { return {addF32(a.value, b.value)}; }
inline F16 subtractF16(F16 a, F16 b) { return {subtractF32(a.value, b.value)}; }
inline F16 reverseSubtractF16(F16 a, F16 b) { return {reverseSubtractF32(a.value, b.value)}; }
inline F16 multiplyF16(F16 a, F16 b) { return {multiplyF32(a.value, b.value)}; }
inline F16 minF16(F16 a, F16 b) { return {minimum(a.value, b.value)}; }
inline F16 maxF16(F16 a, F16 b) { return {maximum(a.value, b.value)}; }
/// Exact in binary64 wherever the sum can lie halfway between two 16-bit floats, and rounded to odd in
/// between (float keeps two bits more than twice a 16-bit significand).
inline F16 fmaF16(F16 a, F16 b, F16 c) {
  const double exact = static_cast<double>(a.value) * static_cast<double>(b.value) + c.value;
  float nearest = static_cast<float>(exact);
  const double error = exact - nearest;
  uint32_t bits = bitsOf(nearest);
  const bool inexact = error != 0.0 && (bits & 0x7f800000) != 0x7f800000 && !(bits & 1);
  bits += inexact ? ((error > 0.0) == (nearest > 0.0f) ? 1 : -1) : 0;
  return {nanOr(a.value, nanOr(b.value, floatOf(bits)))};
}
inline F16 madF16(F16 a, F16 b, F16 c) {
  return {addF32(halfToFloat(floatToHalf(multiplyF32(a.value, b.value))), c.value)};
}
inline F16 min3F16(F16 a, F16 b, F16 c) { return {min3F32(a.value, b.value, c.value)}; }
inline F16 max3F16(F16 a, F16 b, F16 c) { return {max3F32(a.value, b.value, c.value)}; }
inline F16 med3F16(F16 a, F16 b, F16 c) { return {med3F32(a.value, b.value, c.value)}; }
inline F16 minimum3F16(F16 a, F16 b, F16 c) { return {minimum3F32(a.value, b.value, c.value)}; }
inline F16 maximum3F16(F16 a, F16 b, F16 c) { return {maximum3F32(a.value, b.value, c.value)}; }

inline float exp2F32(float a) { return exp2Of(a); }
inline float log2F32(float a) { return log2Of(a); }
inline float reciprocalF32(float a) { return reciprocal(a); }
inline float reciprocalRootF32(float a) { return reciprocalRoot(a); }
inline float squareRootF32(float a) { return squareRoot(a); }
inline float sineF32(float a) { return sineTurns(a); }
inline float cosineF32(float a) { return cosineTurns(a); }
inline double reciprocalF64(double a) { return 1.0 / a; }
inline double reciprocalRootF64(double a) { return 1.0 / __builtin_sqrt(a); }
inline double squareRootF64(double a) { return __builtin_sqrt(a); }
/// Finite for finite sources, so that MODE decides what becomes of the overflow.
inline F16 exp2F16(F16 a) { return {exp2Of(a.value > 32.0f && a.value <= 65504.0f ? 32.0f : a.value)}; }
inline F16 log2F16(F16 a) { return {log2Of(a.value)}; }
inline F16 reciprocalF16(F16 a) { return {1.0f / a.value}; }
inline F16 reciprocalRootF16(F16 a) { return {reciprocalRoot(a.value)}; }
inline F16 squareRootF16(F16 a) { return {squareRoot(a.value)}; }
inline F16 sineF16(F16 a) { return {sineTurns(a.value)}; }
inline F16 cosineF16(F16 a) { return {cosineTurns(a.value)}; }

inline float truncateF32(float a) { return truncate(a); }
inline float floorF32(float a) { return floorOf(a); }
inline float ceilingF32(float a) { return ceilingOf(a); }
inline float roundF32(float a) { return roundToEven(a); }
/// a - floor(a), below 1.
inline float fractionF32(float a) {
  const float fraction = a - floorOf(a);
  return fraction < 0x1.fffffep-1f || isNan(fraction) ? fraction : 0x1.fffffep-1f;
}
inline double truncateF64(double a) { return __builtin_trunc(a); }
inline double floorF64(double a) { return __builtin_floor(a); }
inline double ceilingF64(double a) { return __builtin_ceil(a); }
inline double roundF64(double a) {
  const double whole = __builtin_trunc(a), rest = std::fabs(a - whole), half = whole * 0.5;
  const bool up = rest > 0.5 || (rest == 0.5 && half != __builtin_trunc(half));
  return std::copysign(up ? std::fabs(whole) + 1.0 : whole, a);
}
inline double fractionF64(double a) {
  const double fraction = a - __builtin_floor(a);
  return fraction < 0x1.fffffffffffffp-1 || isNan(fraction) ? fraction : 0x1.fffffffffffffp-1;
}
inline F16 truncateF16(F16 a) { return {truncate(a.value)}; }
inline F16 floorF16(F16 a) { return {floorOf(a.value)}; }
inline F16 ceilingF16(F16 a) { return {ceilingOf(a.value)}; }
inline F16 roundF16(F16 a) { return {roundToEven(a.value)}; }
inline F16 fractionF16(F16 a) {
  const float fraction = a.value - floorOf(a.value);
  return {fraction < 0x1.ffcp-1f || isNan(fraction) ? fraction : 0x1.ffcp-1f};
}

/// The exponent e and mantissa m with a = m * 2^e and m in [0.5, 1); e is 0 for zero, infinity and NaN.
inline int32_t exponentF64(double a) {
  if (a == 0.0 || a - a != 0.0) return 0;
  int exponent;
  std::frexp(a, &exponent);
  return exponent;
}
inline double mantissaF64(double a) {
  if (a == 0.0 || a - a != 0.0) return a;
  int exponent;
  return std::frexp(a, &exponent);
}
inline int32_t exponentF32(float a) { return exponentF64(static_cast<double>(a)); }
inline float mantissaF32(float a) { return static_cast<float>(mantissaF64(static_cast<double>(a))); }
inline int16_t exponentF16(F16 a) { return static_cast<int16_t>(exponentF32(a.value)); }
inline F16 mantissaF16(F16 a) { return {mantissaF32(a.value)}; }

inline double scaleF64(double a, int32_t exponent) { return std::ldexp(a, exponent); }
/// a * 2^exponent in binary64 is exact for every float result that is not zero or infinite; rounded once.
inline float scaleF32(float a, int32_t exponent) {
  const int32_t limited = exponent < -400 ? -400 : exponent > 400 ? 400 : exponent;
  const double factor = bitCast<double>(static_cast<uint64_t>(limited + 1023) << 52);
  return static_cast<float>(static_cast<double>(a) * factor);
}
inline F16 scaleF16(F16 a, int16_t exponent) {
  const int limited = exponent < -60 ? -60 : exponent > 60 ? 60 : exponent;
  return {a.value * floatOf(static_cast<uint32_t>(limited + 127) << 23)};
}

// Cube map coordinates: the major axis is the largest of |x|, |y|, |z|, with z winning ties, then y.
inline float cubeIdF32(float x, float y, float z) {
  const float ax = std::fabs(x), ay = std::fabs(y), az = std::fabs(z);
  if (az >= ax && az >= ay) return z < 0 ? 5.0f : 4.0f;
  if (ay >= ax) return y < 0 ? 3.0f : 2.0f;
  return x < 0 ? 1.0f : 0.0f;
}
inline float cubeScF32(float x, float y, float z) {
  const float ax = std::fabs(x), ay = std::fabs(y), az = std::fabs(z);
  if (az >= ax && az >= ay) return z < 0 ? -x : x;
  if (ay >= ax) return x;
  return x < 0 ? z : -z;
}
inline float cubeTcF32(float x, float y, float z) {
  const float ax = std::fabs(x), ay = std::fabs(y), az = std::fabs(z);
  if (az >= ax && az >= ay) return -y;
  if (ay >= ax) return y < 0 ? -z : z;
  return -y;
}
inline float cubeMaF32(float x, float y, float z) {
  const float ax = std::fabs(x), ay = std::fabs(y), az = std::fabs(z);
  if (az >= ax && az >= ay) return 2.0f * z;
  return ay >= ax ? 2.0f * y : 2.0f * x;
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
