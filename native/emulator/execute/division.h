#pragma once

#include "execute/numeric.h"

// The three steps of an IEEE division n / d, as compilers emit them around a Newton iteration: v_div_scale,
// v_div_fmas (division.cc) and v_div_fixup. Written without branches, so that the loops over lanes vectorise.

namespace emulator {
namespace EMULATOR_LEVEL {

/// The layout of a binary floating-point number, and the limits of v_div_scale.
template <class T>
struct FloatFormat;
template <>
struct FloatFormat<float> {
  using Bits = uint32_t;
  static constexpr int kMantissa = 23, kBias = 127, kLargeDifference = 96, kScale = 64;
};
template <>
struct FloatFormat<double> {
  using Bits = uint64_t;
  static constexpr int kMantissa = 52, kBias = 1023, kLargeDifference = 768, kScale = 128;
};

template <class T>
inline int32_t exponentOf(T value) {
  using F = FloatFormat<T>;
  return static_cast<int32_t>(bitCast<typename F::Bits>(value) >> F::kMantissa & (2 * F::kBias + 1));
}

template <class T>
inline T divideFixup(T quotient, T denominator, T numerator) {
  using F = FloatFormat<T>;
  using Bits = typename F::Bits;
  constexpr Bits kSign = Bits{1} << (sizeof(T) * 8 - 1);
  const Bits d = bitCast<Bits>(denominator), n = bitCast<Bits>(numerator), q = bitCast<Bits>(quotient);
  const Bits sign = (d ^ n) & kSign, infinity = Bits{2 * F::kBias + 1} << F::kMantissa;
  const bool infiniteNumerator = (n & ~kSign) == infinity, infiniteDenominator = (d & ~kSign) == infinity;
  const bool zeroNumerator = (n & ~kSign) == 0, zeroDenominator = (d & ~kSign) == 0;
  const bool underflow = exponentOf(numerator) - exponentOf(denominator) < -(F::kBias + F::kMantissa);
  const bool toZero = zeroNumerator | infiniteDenominator | underflow;
  const bool toInfinity = zeroDenominator | infiniteNumerator | ((q & ~kSign) > infinity);
  const bool invalid = (zeroNumerator & zeroDenominator) | (infiniteNumerator & infiniteDenominator);
  const Bits finite = toZero ? Bits{0} : toInfinity ? infinity : q & ~kSign;
  const Bits result = (infiniteNumerator | zeroDenominator ? infinity : finite) | sign;
  const Bits nan = infinity | Bits{1} << (F::kMantissa - 1);
  const Bits valid = invalid ? bitCast<Bits>(invalidResult<T>()) : result;
  const Bits checked = (d & ~kSign) > infinity ? d | nan : valid;
  return bitCast<T>((n & ~kSign) > infinity ? n | nan : checked);
}

inline float divideFixupF32(float quotient, float denominator, float numerator) {
  return divideFixup(quotient, denominator, numerator);
}
inline double divideFixupF64(double quotient, double denominator, double numerator) {
  return divideFixup(quotient, denominator, numerator);
}
inline F16 divideFixupF16(F16 quotient, F16 denominator, F16 numerator) {
  return {divideFixup(quotient.value, denominator.value, numerator.value)};
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
