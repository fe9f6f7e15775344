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
  using Bits = uint32_t;
  static constexpr int kMantissa = 23, kBias = 127, kLargeDifference = 96, kScale = 64;
};
template <>
struct Format<double> {
  using Bits = uint64_t;
  static constexpr int kMantissa = 52, kBias = 1023, kLargeDifference = 768, kScale = 128;
};

template <class T>
inline int32_t exponentOf(T value) {
  using F = Format<T>;
  return static_cast<int32_t>(bitCast<typename F::Bits>(value) >> F::kMantissa & (2 * F::kBias + 1));
}
/// 2^exponent.
template <class T>
constexpr T powerOfTwo(int exponent) {
  T value = 1;
  for (int i = 0; i < exponent; i++) value *= 2;
  for (int i = 0; i > exponent; i--) value /= 2;
  return value;
}
template <class T>
constexpr T kUp = powerOfTwo<T>(Format<T>::kScale);
template <class T>
constexpr T kDown = powerOfTwo<T>(-Format<T>::kScale);

// Written without branches, so that the loops over lanes vectorise.

/// One lane of v_div_scale: `value` is the numerator or the denominator, scaled so that the iteration neither
/// overflows nor loses bits; `scaled` tells v_div_fmas to undo it.
template <class T>
inline T divideScale(T value, T denominator, T numerator, bool* scaled) {
  using F = Format<T>;
  const bool isDenominator = bitCast<typename F::Bits>(value) == bitCast<typename F::Bits>(denominator);
  const bool large = exponentOf(numerator) - exponentOf(denominator) >= F::kLargeDifference;
  const bool tinyDenominator = exponentOf(denominator) == 0;
  const bool tinyReciprocal = exponentOf(T{1} / denominator) == 0;
  const bool tinyQuotient = exponentOf(numerator / denominator) == 0;
  const bool tinyNumerator = exponentOf(numerator) <= F::kMantissa;
  const T up = value * kUp<T>, down = value * kDown<T>;
  const T otherwise = tinyNumerator ? up : value;
  const T quotient = tinyQuotient ? (isDenominator ? value : up) : otherwise;
  const T reciprocal = tinyReciprocal ? (tinyQuotient && !isDenominator ? value : down) : quotient;
  const T denormal = tinyDenominator ? up : reciprocal;
  const T result = large ? (isDenominator ? up : value) : denormal;
  const bool zero = numerator == 0 || denominator == 0;
  *scaled = !zero && (large || (!tinyDenominator && tinyQuotient));
  return zero ? std::numeric_limits<T>::quiet_NaN() : result;
}

template <class T>
void divideScaleLanes(Wave& wave, const Instruction& i) {
  const ScopedMxcsr floatMode(mxcsrOf(0, mode::keepSources | mode::keepResults));
  LaneBuffer buffers[3][2], result[2];
  const uint32_t* value = fetch(wave, i, 0, Lane<T>::kind, buffers[0]);
  const uint32_t* denominator = fetch(wave, i, 1, Lane<T>::kind, buffers[1]);
  const uint32_t* numerator = fetch(wave, i, 2, Lane<T>::kind, buffers[2]);
  alignas(64) uint8_t flags[kLanes];
  EACH_LANE {
    bool scaled;
    Lane<T>::store(result->lanes, lane,
                   divideScale(Lane<T>::load(value, lane), Lane<T>::load(denominator, lane),
                               Lane<T>::load(numerator, lane), &scaled));
    flags[lane] = scaled;
  }
  store(wave, i, Lane<T>::kind, result);
  wave.setScalar64(i.scalarDestination, maskOfBytes(flags) & wave.exec());
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
    const T addend = Lane<T>::load(c, lane);
    const T sum = fusedMultiplyAdd(Lane<T>::load(a, lane), Lane<T>::load(b, lane), addend);
    const T scale = exponentOf(addend) > Format<T>::kBias ? kUp<T> : kDown<T>;
    Lane<T>::store(result->lanes, lane, scaled.lanes[lane] ? sum * scale : sum);
  }
  store(wave, i, Lane<T>::kind, result);
}

template <class T>
inline T divideFixup(T quotient, T denominator, T numerator) {
  using F = Format<T>;
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
  const Bits valid = invalid ? nan : result;
  const Bits checked = (d & ~kSign) > infinity ? d | nan : valid;
  return bitCast<T>((n & ~kSign) > infinity ? n | nan : checked);
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
