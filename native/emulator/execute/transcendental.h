#pragma once

#include <cstdint>

#include "execute/numeric.h"

// exp2, log2, reciprocals, roots, sine and cosine with at most 1 ulp of error, without libm: the loops
// vectorise, and every CPU level gives the same bits. Like the hardware's they flush binary32 denormals on
// both sides, whatever MODE says.

namespace emulator {
namespace EMULATOR_LEVEL {

inline float flushDenormal(float value) {
  const uint32_t bits = bitsOf(value);
  return floatOf(bits & 0x7f800000 ? bits : bits & 0x80000000);
}

/// 2^x. Results below 2^-126 are 0.
inline float exp2Of(float x) {
  const float clamped = x < -127.0f ? -127.0f : x > 129.0f ? 129.0f : x;
  const float inRange = isNan(x) ? 0.0f : clamped;
  const float magic = 0x1.8p23f;
  const float whole = (inRange + magic) - magic;
  const float f = inRange - whole;  // exact, in [-0.5, 0.5]
  // Minimax polynomial of (2^f - 1) / f.
  float p = 1.535359916e-4f;
  p = fusedMultiplyAdd(p, f, 1.339885173e-3f);
  p = fusedMultiplyAdd(p, f, 9.618435986e-3f);
  p = fusedMultiplyAdd(p, f, 5.550332367e-2f);
  p = fusedMultiplyAdd(p, f, 2.402264774e-1f);
  p = fusedMultiplyAdd(p, f, 6.931471825e-1f);
  const float mantissa = fusedMultiplyAdd(p, f, 1.0f);
  const int32_t exponent = static_cast<int32_t>(whole);
  const float scaled = floatOf(bitsOf(mantissa) + (static_cast<uint32_t>(exponent) << 23));
  const float infinity = floatOf(0x7f800000);
  const float finite = x < -126.0f ? 0.0f : scaled;
  return isNan(x) ? quieted(x) : x >= 128.0f ? infinity : finite;
}

/// log2(x); a denormal x counts as zero.
inline float log2Of(float value) {
  const float x = flushDenormal(value);
  const uint32_t bits = bitsOf(x);
  // x = 2^exponent * m, m in [0.75, 1.5).
  const int32_t exponent = static_cast<int32_t>(bits - 0x3f400000) >> 23;
  const double m = floatOf(bits - (static_cast<uint32_t>(exponent) << 23));
  // log2(m) = 2 / ln 2 * artanh(s), |s| <= 0.2.
  const double s = (m - 1.0) / (m + 1.0), z = s * s;
  double p = 2.8853900817779268 / 19;
  p = p * z + 2.8853900817779268 / 17;
  p = p * z + 2.8853900817779268 / 15;
  p = p * z + 2.8853900817779268 / 13;
  p = p * z + 2.8853900817779268 / 11;
  p = p * z + 2.8853900817779268 / 9;
  p = p * z + 2.8853900817779268 / 7;
  p = p * z + 2.8853900817779268 / 5;
  p = p * z + 2.8853900817779268 / 3;
  p = p * z + 2.8853900817779268;
  const float result = static_cast<float>(static_cast<double>(exponent) + p * s);
  const float infinity = floatOf(0x7f800000), nan = invalidResult<float>();
  const float special = isNan(x) ? quieted(x) : x == 0.0f ? -infinity : x < 0.0f ? nan : infinity;
  return x > 0.0f && x < infinity ? result : special;
}

inline float reciprocal(float x) { return flushDenormal(1.0f / flushDenormal(x)); }
inline float squareRoot(float x) {
  const float flushed = flushDenormal(x);
  const float root = __builtin_sqrtf(flushed < 0.0f ? 0.0f : flushed);
  const float special = isNan(flushed) ? quieted(flushed) : flushed;
  return flushed < 0.0f ? invalidResult<float>() : flushed == 0.0f || isNan(flushed) ? special : root;
}
inline float reciprocalRoot(float x) {
  const float flushed = flushDenormal(x);
  const float result = static_cast<float>(1.0 / __builtin_sqrt(flushed < 0.0f ? 0.0 : flushed));
  const float infinity = floatOf(bitsOf(flushed) | 0x7f800000);
  return flushed < 0.0f ? invalidResult<float>() : flushed == 0.0f ? infinity : result;
}

/// sin(2 pi r) for r in [-0.25, 0.25].
inline double sineOfTurns(double r) {
  const double t = r * 6.283185307179586, z = t * t;
  double p = 1.0 / 355687428096000.0;
  p = p * z - 1.0 / 1307674368000.0;
  p = p * z + 1.0 / 6227020800.0;
  p = p * z - 1.0 / 39916800.0;
  p = p * z + 1.0 / 362880.0;
  p = p * z - 1.0 / 5040.0;
  p = p * z + 1.0 / 120.0;
  p = p * z - 1.0 / 6.0;
  return t + t * z * p;
}

/// The angle in turns, folded to [-0.25, 0.25] with the same sine.
inline double foldTurns(double turns) {
  const double magic = 0x1.8p52;
  const double r = turns - ((turns + magic) - magic);  // exact, in [-0.5, 0.5]
  return r > 0.25 ? 0.5 - r : r < -0.25 ? -0.5 - r : r;
}

/// sin and cos of 2 pi x; outside of [-256, 256] turns they are 0 and 1.
inline float sineTurns(float x) {
  const bool inDomain = x >= -256.0f && x <= 256.0f;
  const float flushed = flushDenormal(x);
  const float result = static_cast<float>(sineOfTurns(foldTurns(inDomain ? flushed : 0.0f)));
  const float special = isNan(x) ? quieted(x) : invalidResult<float>();
  return x - x != 0.0f ? special : flushed == 0.0f ? flushed : result;
}
inline float cosineTurns(float x) {
  const bool inDomain = x >= -256.0f && x <= 256.0f;
  const float result = static_cast<float>(sineOfTurns(foldTurns((inDomain ? x : 0.0f) + 0.25)));
  const float special = isNan(x) ? quieted(x) : invalidResult<float>();
  return x - x != 0.0f ? special : result;
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
