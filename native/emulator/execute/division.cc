#include "execute/float_mode.h"
#include "execute/special.h"
#include "execute/vector_operation.h"

// The three steps of an IEEE division n / d, as compilers emit them around a Newton iteration.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

template <class T>
struct Format;
template <>
struct Format<float> {
  static constexpr int kLargeDifference = 96, kSmallNumerator = 23, kScale = 64, kBias = 127;
  static int exponent(float a) { return static_cast<int>(bitsOf(a) >> 23 & 0xff); }
};
template <>
struct Format<double> {
  static constexpr int kLargeDifference = 768, kSmallNumerator = 53, kScale = 128, kBias = 1023;
  static int exponent(double a) { return static_cast<int>(bitCast<uint64_t>(a) >> 52 & 0x7ff); }
};

template <class T>
bool denormalOrZero(T a) {
  return Format<T>::exponent(a) == 0;
}

/// One lane of v_div_scale: `value` is the numerator or the denominator, scaled so that the iteration neither
/// overflows nor loses bits; `scaled` tells v_div_fmas to undo it.
template <class T>
T divideScale(T value, T denominator, T numerator, bool* scaled) {
  using F = Format<T>;
  const T up = static_cast<T>(std::ldexp(1.0, F::kScale)), down = static_cast<T>(std::ldexp(1.0, -F::kScale));
  *scaled = false;
  if (numerator == 0 || denominator == 0) return std::numeric_limits<T>::quiet_NaN();
  const bool isDenominator = bitCast<std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>(value) ==
                             bitCast<std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>(denominator);
  const int difference = F::exponent(numerator) - F::exponent(denominator);
  if (difference >= F::kLargeDifference) {
    *scaled = true;
    return isDenominator ? value * up : value;
  }
  if (denormalOrZero(denominator)) return value * up;
  const bool tinyReciprocal = denormalOrZero(T{1} / denominator);
  const bool tinyQuotient = denormalOrZero(numerator / denominator);
  if (tinyReciprocal && tinyQuotient) {
    *scaled = true;
    return isDenominator ? value * down : value;
  }
  if (tinyReciprocal) return value * down;
  if (tinyQuotient) {
    *scaled = true;
    return isDenominator ? value : value * up;
  }
  if (F::exponent(numerator) <= F::kSmallNumerator) return value * up;
  return value;
}

template <class T>
void divideScaleLanes(Wave& wave, const Instruction& i) {
  const ScopedMxcsr floatMode(mxcsrOf(0, mode::keepSources | mode::keepResults));
  LaneBuffer buffers[3][2], result[2];
  const uint32_t* value = fetch(wave, i, 0, Lane<T>::kind, buffers[0]);
  const uint32_t* denominator = fetch(wave, i, 1, Lane<T>::kind, buffers[1]);
  const uint32_t* numerator = fetch(wave, i, 2, Lane<T>::kind, buffers[2]);
  uint64_t mask = 0;
  for (int lane = 0; lane < kLanes; lane++) {
    bool scaled;
    Lane<T>::store(result->lanes, lane,
                   divideScale(Lane<T>::load(value, lane), Lane<T>::load(denominator, lane),
                               Lane<T>::load(numerator, lane), &scaled));
    mask |= uint64_t{scaled} << lane;
  }
  store(wave, i, Lane<T>::kind, result);
  wave.setScalar64(i.scalarDestination, mask & wave.exec());
}

template <class T>
void divideMultiplyAdd(Wave& wave, const Instruction& i) {
  const ScopedMxcsr floatMode(mxcsrOf(0, mode::keepSources | mode::keepResults));
  using F = Format<T>;
  LaneBuffer buffers[3][2], result[2];
  const uint32_t* a = fetch(wave, i, 0, Lane<T>::kind, buffers[0]);
  const uint32_t* b = fetch(wave, i, 1, Lane<T>::kind, buffers[1]);
  const uint32_t* c = fetch(wave, i, 2, Lane<T>::kind, buffers[2]);
  const uint64_t vcc = wave.scalar64(reg::vccLo);
  for (int lane = 0; lane < kLanes; lane++) {
    const T addend = Lane<T>::load(c, lane);
    const T sum = fusedMultiplyAdd(Lane<T>::load(a, lane), Lane<T>::load(b, lane), addend);
    const int scale = F::exponent(addend) > F::kBias ? F::kScale : -F::kScale;
    const T unscaled = static_cast<T>(std::ldexp(sum, scale));
    Lane<T>::store(result->lanes, lane, vcc >> lane & 1 ? unscaled : sum);
  }
  store(wave, i, Lane<T>::kind, result);
}

template <class T>
T divideFixup(T quotient, T denominator, T numerator) {
  const bool negative = std::signbit(denominator) != std::signbit(numerator);
  const T infinity = std::numeric_limits<T>::infinity();
  const auto withSign = [negative](T value) { return negative ? -value : value; };
  if (numerator != numerator) return numerator;
  if (denominator != denominator) return denominator;
  const bool infiniteNumerator = std::fabs(numerator) == infinity;
  const bool infiniteDenominator = std::fabs(denominator) == infinity;
  if ((numerator == 0 && denominator == 0) || (infiniteNumerator && infiniteDenominator))
    return std::numeric_limits<T>::quiet_NaN();
  if (denominator == 0 || infiniteNumerator) return withSign(infinity);
  if (infiniteDenominator || numerator == 0) return withSign(T{0});
  const int difference = Format<T>::exponent(numerator) - Format<T>::exponent(denominator);
  if (difference < -(Format<T>::kBias + Format<T>::kSmallNumerator)) return withSign(T{0});
  return withSign(quotient != quotient ? infinity : static_cast<T>(std::fabs(quotient)));
}

}  // namespace

void divideScaleF32(Wave& wave, const Instruction& i) { divideScaleLanes<float>(wave, i); }
void divideScaleF64(Wave& wave, const Instruction& i) { divideScaleLanes<double>(wave, i); }
void divideMultiplyAddF32(Wave& wave, const Instruction& i) { divideMultiplyAdd<float>(wave, i); }
void divideMultiplyAddF64(Wave& wave, const Instruction& i) { divideMultiplyAdd<double>(wave, i); }
float divideFixupF32(float quotient, float denominator, float numerator) {
  return divideFixup(quotient, denominator, numerator);
}
double divideFixupF64(double quotient, double denominator, double numerator) {
  return divideFixup(quotient, denominator, numerator);
}
F16 divideFixupF16(F16 quotient, F16 denominator, F16 numerator) {
  return {divideFixup(quotient.value, denominator.value, numerator.value)};
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
