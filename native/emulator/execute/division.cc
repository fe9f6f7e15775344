#include "execute/division.h"

#include "execute/float_mode.h"
#include "execute/special.h"
#include "execute/vector_operation.h"

// v_div_scale and v_div_fmas, the first two of the three steps of a division.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

/// 2^exponent.
template <class T>
constexpr T powerOfTwo(int exponent) {
  T value = 1;
  for (int i = 0; i < exponent; i++) value *= 2;
  for (int i = 0; i > exponent; i--) value /= 2;
  return value;
}
template <class T>
constexpr T kUp = powerOfTwo<T>(FloatFormat<T>::kScale);
template <class T>
constexpr T kDown = powerOfTwo<T>(-FloatFormat<T>::kScale);

/// One lane of v_div_scale: `value` is the numerator or the denominator, scaled so that the iteration neither
/// overflows nor loses bits; `scaled` tells v_div_fmas to undo it.
template <class T>
inline T divideScale(T value, T denominator, T numerator, bool* scaled) {
  using F = FloatFormat<T>;
  const bool isDenominator = bitCast<typename F::Bits>(value) == bitCast<typename F::Bits>(denominator);
  const bool large = exponentOf(numerator) - exponentOf(denominator) >= F::kLargeDifference;
  const bool tinyDenominator = exponentOf(denominator) == 0;
  const bool tinyReciprocal = exponentOf(T{1} / denominator) == 0;
  const bool tinyQuotient = exponentOf(numerator / denominator) == 0;
  const bool tinyNumerator = exponentOf(numerator) <= F::kMantissa;
  const T up = value * kUp<T>, down = value * kDown<T>;
  const T otherwise = tinyNumerator ? up : value;
  const T quotient = tinyQuotient ? (isDenominator ? value : up) : otherwise;
  const T reciprocal = tinyReciprocal ? (tinyQuotient & !isDenominator ? value : down) : quotient;
  const T denormal = tinyDenominator ? up : reciprocal;
  const T result = large ? (isDenominator ? up : value) : denormal;
  const bool zero = (numerator == 0) | (denominator == 0);
  const bool finite = !zero, normal = !tinyDenominator;
  *scaled = finite & (large | (normal & tinyQuotient));
  return zero ? invalidResult<T>() : result;
}

template <class T>
void divideScaleLanes(Wave& wave, const Instruction& i) {
  const ScopedMxcsr floatMode(mxcsrOf(0, mode::keepSources | mode::keepResults));
  LaneBuffer buffers[3][2], result[2];
  const uint32_t* value = fetch(wave, i, 0, Lane<T>::kind, buffers[0]);
  const uint32_t* denominator = fetch(wave, i, 1, Lane<T>::kind, buffers[1]);
  const uint32_t* numerator = fetch(wave, i, 2, Lane<T>::kind, buffers[2]);
  LaneBuffer flags;
  EACH_LANE {
    bool scaled;
    Lane<T>::store(result->lanes, lane,
                   divideScale(Lane<T>::load(value, lane), Lane<T>::load(denominator, lane),
                               Lane<T>::load(numerator, lane), &scaled));
    flags.lanes[lane] = flag(scaled);
  }
  store(wave, i, Lane<T>::kind, result);
  wave.setScalar64(i.scalarDestination, maskOfLanes(flags) & wave.exec());
}

/// (a * b + c) * scale, rounded once: where the scaled sum is a denormal number and `sum`, itself rounded,
/// lies halfway between two of them, what the first rounding cut off decides. c is the quotient that a * b
/// corrects, so that c - sum is exact.
template <class T>
inline T scaleOnce(T a, T b, T c, T sum, T scale) {
  const T rounded = sum * scale, rest = sum - rounded / scale, cut = fusedMultiplyAdd(a, b, c - sum);
  constexpr T kLeast = std::numeric_limits<T>::denorm_min();
  const T half = kLeast / scale / 2;
  const bool wrong = (rest == half && cut > 0) | (rest == -half && cut < 0);
  return wrong && rest != 0 ? rounded + std::copysign(kLeast, rest) : rounded;
}

template <class T>
void divideMultiplyAdd(Wave& wave, const Instruction& i) {
  const ScopedMxcsr floatMode(mxcsrOf(0, mode::keepSources | mode::keepResults));
  LaneBuffer buffers[3][2], result[2], scaled;
  const uint32_t* a = fetch(wave, i, 0, Lane<T>::kind, buffers[0]);
  const uint32_t* b = fetch(wave, i, 1, Lane<T>::kind, buffers[1]);
  const uint32_t* c = fetch(wave, i, 2, Lane<T>::kind, buffers[2]);
  lanesOfMask(scaled.lanes, wave.scalar64(reg::vccLo));
  EACH_LANE {
    const T left = Lane<T>::load(a, lane), right = Lane<T>::load(b, lane), addend = Lane<T>::load(c, lane);
    const T sum = fusedMultiplyAdd(left, right, addend);
    const T scale = exponentOf(addend) > FloatFormat<T>::kBias ? kUp<T> : kDown<T>;
    Lane<T>::store(result->lanes, lane,
                   scaled.lanes[lane] ? scaleOnce(left, right, addend, sum, scale) : sum);
  }
  store(wave, i, Lane<T>::kind, result);
}

}  // namespace

void divideScaleF32(Wave& wave, const Instruction& i) { divideScaleLanes<float>(wave, i); }
void divideScaleF64(Wave& wave, const Instruction& i) { divideScaleLanes<double>(wave, i); }
void divideMultiplyAddF32(Wave& wave, const Instruction& i) { divideMultiplyAdd<float>(wave, i); }
void divideMultiplyAddF64(Wave& wave, const Instruction& i) { divideMultiplyAdd<double>(wave, i); }
}  // namespace EMULATOR_LEVEL
}  // namespace emulator
