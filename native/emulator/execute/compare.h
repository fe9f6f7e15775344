#pragma once

#include <cstdint>

#include "execute/numeric.h"

// Conditions of v_cmp, one lane at a time (see vector_operation.h).

namespace emulator {
namespace EMULATOR_LEVEL {

inline float comparable(F16 a) { return a.value; }
template <class T>
inline T comparable(T a) {
  return a;
}

enum class Condition { never, less, equal, lessEqual, greater, notEqual, greaterEqual, always };

template <class T, Condition kCondition>
inline bool integerCompare(T a, T b) {
  switch (kCondition) {
    case Condition::never:
      return false;
    case Condition::less:
      return a < b;
    case Condition::equal:
      return a == b;
    case Condition::lessEqual:
      return a <= b;
    case Condition::greater:
      return a > b;
    case Condition::notEqual:
      return a != b;
    case Condition::greaterEqual:
      return a >= b;
    case Condition::always:
      return true;
  }
}

/// Floating-point conditions in opcode order: 0..7 are false for NaN (lg is less or greater, o
/// ordered), 8..15 are the negations of 7..0.
template <class T, int kCondition>
inline bool floatCompare(T first, T second) {
  const auto a = comparable(first), b = comparable(second);
  if constexpr (kCondition >= 8) return !floatCompare<T, 15 - kCondition>(first, second);
  if constexpr (kCondition == 1) return a < b;
  if constexpr (kCondition == 2) return a == b;
  if constexpr (kCondition == 3) return a <= b;
  if constexpr (kCondition == 4) return a > b;
  if constexpr (kCondition == 5) return a < b || a > b;
  if constexpr (kCondition == 6) return a >= b;
  if constexpr (kCondition == 7) return a == a && b == b;
  return false;
}

/// v_cmp_class: bits of `classes` are signalling NaN, quiet NaN, -inf, -normal, -denormal, -0, +0, +denormal,
/// +normal, +inf.
template <class Bits>
inline bool hasClass(Bits value, uint32_t classes, int mantissaBits, int exponentBits) {
  const Bits mantissa = value & ((Bits{1} << mantissaBits) - 1);
  const uint32_t ones = (1u << exponentBits) - 1;
  const uint32_t exponent = static_cast<uint32_t>(value >> mantissaBits) & ones;
  const bool negative = value >> (mantissaBits + exponentBits) & 1;
  int index;
  if (exponent == ones && mantissa) {
    index = mantissa >> (mantissaBits - 1) & 1;
  } else {
    const int positive = exponent == ones ? 9 : exponent ? 8 : mantissa ? 7 : 6;
    index = negative ? 11 - positive : positive;
  }
  return classes >> index & 1;
}
inline bool classF32(float a, uint32_t classes) { return hasClass(bitsOf(a), classes, 23, 8); }
inline bool classF16(F16 a, uint32_t classes) { return hasClass(floatToHalf(a.value), classes, 10, 5); }
inline bool classF64(double a, uint32_t classes) { return hasClass(bitCast<uint64_t>(a), classes, 52, 11); }

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
