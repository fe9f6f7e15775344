#pragma once

#include "execute/float_mode.h"
#include "execute/numeric.h"
#include "execute/transcendental.h"

// What MODE says of 16-bit floats, and of the denormal numbers that functions give back unchanged. Handlers
// take the way through here only where it says something unusual.

namespace emulator {
namespace EMULATOR_LEVEL {

struct HalfMode {
  uint32_t rounding;  ///< as MODE has it: to even, up, down, toward zero
  bool keepsSources, keepsResults;
  bool saturates;  ///< results that overflow become the largest finite number

  explicit HalfMode(uint32_t modeRegister)
      : rounding(modeRegister >> mode::round64Shift & 3),
        keepsSources(modeRegister >> mode::denormal64Shift & mode::keepSources),
        keepsResults(modeRegister >> mode::denormal64Shift & mode::keepResults),
        saturates(modeRegister & mode::fp16Overflow) {}

  /// Whether the plain loops compute as MODE says: all rounds to even, nothing is flushed or saturates.
  static bool isUsual(uint32_t modeRegister) {
    constexpr uint32_t kKeep = (mode::keepSources | mode::keepResults) << mode::denormal64Shift;
    constexpr uint32_t kRounding = 3 << mode::round32Shift | 3 << mode::round64Shift;
    return (modeRegister & (kRounding | kKeep | mode::fp16Overflow)) == kKeep;
  }
};

inline bool isFinite(float value) { return (bitsOf(value) & 0x7f800000) != 0x7f800000; }
inline bool isFinite(double value) { return value - value == 0.0; }
inline bool isFinite(F16 half) { return isFinite(half.value); }
template <class Integer>
inline bool isFinite(Integer) {
  return true;
}

inline uint32_t flushHalf(uint32_t half) { return half & 0x7c00 ? half : half & 0x8000; }
inline F16 flush(F16 half) {
  return std::fabs(half.value) < 0x1p-14f ? F16{std::copysign(0.0f, half.value)} : half;
}
inline float flush(float value) { return flushDenormal(value); }
inline double flush(double value) { return std::fabs(value) < 0x1p-1022 ? std::copysign(0.0, value) : value; }

inline uint32_t roundToHalf(float value, uint32_t rounding) {
  if (rounding == 0) return floatToHalf(value);
  const uint32_t towardZero = floatToHalfTowardZero(value);
  const bool away = (rounding == 1 && value > 0.0f) || (rounding == 2 && value < 0.0f);
  return away && halfToFloat(towardZero) != value ? towardZero + 1 : towardZero;
}

inline uint32_t floatToHalf(float value, HalfMode mode) {
  const uint32_t rounded = roundToHalf(value, mode.rounding);
  const bool overflow = (rounded & 0x7fff) == 0x7c00 && isFinite(value);
  const uint32_t half = mode.saturates && overflow ? rounded - 1 : rounded;
  return mode.keepsResults ? half : flushHalf(half);
}

/// What documents leave open: whether the infinity of a pole (1 / 0) or of a source saturates, too.
inline void refuseInfinity(Wave& wave) {
  raiseFault(wave, FaultKind::illegalInstruction, -1, 0, 0,
             "the emulator does not model this infinity under MODE.FP16_OVFL");
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
