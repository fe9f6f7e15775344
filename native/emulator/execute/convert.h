#pragma once

#include "execute/arithmetic.h"
#include "execute/integer.h"
#include "execute/numeric.h"

// Conversions, one lane at a time (see vector_operation.h). To integers: toward zero, out of range gives the
// nearest value, NaN gives 0.

namespace emulator {
namespace EMULATOR_LEVEL {

inline float floatOfI32(int32_t a) { return static_cast<float>(a); }
inline float floatOfU32(uint32_t a) { return static_cast<float>(a); }
inline int32_t i32OfFloat(float a) {
  const bool below = a < -0x1p31f, above = a >= 0x1p31f;
  const float inRange = below || above || isNan(a) ? 0.0f : a;
  const int32_t converted = static_cast<int32_t>(inRange);
  return below ? INT32_MIN : above ? INT32_MAX : converted;
}
inline uint32_t u32OfFloat(float a) {
  const bool above = a >= 0x1p32f, high = a >= 0x1p31f;
  const float inRange = above || !(a > 0.0f) ? 0.0f : high ? a - 0x1p31f : a;
  const uint32_t converted = static_cast<uint32_t>(static_cast<int32_t>(inRange));
  return above ? ~0u : high ? converted + 0x80000000u : converted;
}
inline int32_t i32OfDouble(double a) {
  return !(a == a) ? 0 : a <= -0x1p31 ? INT32_MIN : a >= 0x1p31 - 1 ? INT32_MAX : static_cast<int32_t>(a);
}
inline uint32_t u32OfDouble(double a) {
  return !(a > 0.0) ? 0 : a >= 0x1p32 - 1 ? ~0u : static_cast<uint32_t>(static_cast<int64_t>(a));
}
inline double doubleOfI32(int32_t a) { return a; }
inline double doubleOfU32(uint32_t a) { return a; }
inline double doubleOfFloat(float a) { return a; }
inline float floatOfDouble(double a) { return static_cast<float>(a); }
inline int32_t roundUpI32OfFloat(float a) { return i32OfFloat(floorOf(a + 0.5f)); }
inline int32_t floorI32OfFloat(float a) { return i32OfFloat(floorOf(a)); }
/// The low four bits, signed, in sixteenths.
inline float offsetOfI4(uint32_t a) {
  return static_cast<float>(static_cast<int32_t>(a << 28) >> 28) * 0.0625f;
}
template <int kByte>
inline float floatOfByte(uint32_t a) {
  return static_cast<float>(static_cast<int32_t>(a >> (8 * kByte) & 0xff));
}

inline F16 halfOfFloat(float a) { return {a}; }
inline float floatOfHalf(F16 a) { return a.value; }
inline float floatOfBf16(uint32_t a) { return bf16ToFloat(a); }
inline F16 halfOfU16(uint16_t a) { return {static_cast<float>(static_cast<int32_t>(a))}; }
inline F16 halfOfI16(int16_t a) { return {static_cast<float>(static_cast<int32_t>(a))}; }
inline uint16_t u16OfHalf(F16 a) { return static_cast<uint16_t>(minU32(u32OfFloat(a.value), 0xffff)); }
inline int16_t i16OfHalf(F16 a) {
  return static_cast<int16_t>(maxI32(minI32(i32OfFloat(a.value), 32767), -32768));
}
/// Normalised: [-1, 1] to [-32767, 32767] and [0, 1] to [0, 65535], rounded to even.
inline int16_t normI16(float a) {
  const float limited = isNan(a) ? 0.0f : a < -1.0f ? -1.0f : a > 1.0f ? 1.0f : a;
  return static_cast<int16_t>(static_cast<int32_t>(roundToEven(limited * 32767.0f)));
}
inline uint16_t normU16(float a) {
  const float limited = !(a > 0.0f) ? 0.0f : a > 1.0f ? 1.0f : a;
  return static_cast<uint16_t>(static_cast<int32_t>(roundToEven(limited * 65535.0f)));
}
inline int16_t normI16OfHalf(F16 a) { return normI16(a.value); }
inline uint16_t normU16OfHalf(F16 a) { return normU16(a.value); }

// Two values packed into one register, the first in the low half.
inline uint32_t packHalves(uint32_t low, uint32_t high) { return low | high << 16; }
inline uint32_t packF16TowardZero(float a, float b) {
  return packHalves(floatToHalfTowardZero(a), floatToHalfTowardZero(b));
}
inline uint32_t packF16Bits(F16Bits a, F16Bits b) { return packB32(a.value, b.value); }
inline F16Pair packF16(float a, float b) { return {a, b}; }
inline uint32_t packBf16(float a, float b) { return packHalves(floatToBf16(a), floatToBf16(b)); }
inline uint32_t packNormI16(float a, float b) {
  return packB32(static_cast<uint16_t>(normI16(a)), static_cast<uint16_t>(normI16(b)));
}
inline uint32_t packNormU16(float a, float b) { return packB32(normU16(a), normU16(b)); }
inline uint32_t packNormI16OfHalf(F16 a, F16 b) { return packNormI16(a.value, b.value); }
inline uint32_t packNormU16OfHalf(F16 a, F16 b) { return packNormU16(a.value, b.value); }
inline uint32_t packU16(uint32_t a, uint32_t b) { return packHalves(minU32(a, 0xffff), minU32(b, 0xffff)); }
inline uint32_t packI16(int32_t a, int32_t b) {
  return packB32(static_cast<uint16_t>(saturate<int16_t>(a)), static_cast<uint16_t>(saturate<int16_t>(b)));
}
/// Byte `index` of `old` replaced by a rounded to even.
inline uint32_t packU8(float a, uint32_t index, uint32_t old) {
  const float limited = !(a > 0.0f) ? 0.0f : a > 255.0f ? 255.0f : a;
  const uint32_t byte = static_cast<uint32_t>(static_cast<int32_t>(roundToEven(limited)));
  const uint32_t shift = 8 * (index & 3);
  return (old & ~(0xffu << shift)) | byte << shift;
}

// Stochastic rounding: random bits are added below the result's last place, then the rest is cut off.
inline F16 stochasticF16(float a, uint32_t random) {
  const uint32_t bits = bitsOf(a);
  if ((bits & 0x7f800000) == 0x7f800000) return {a};
  const uint32_t magnitude = bits & 0x7fffffff;
  const int below = magnitude >> 23 < 113 ? 113 - static_cast<int>(magnitude >> 23) : 0;
  const uint32_t noise = below > 12 ? random : random >> (19 - below);
  const uint64_t sum = uint64_t{magnitude} + noise;
  // What the sum reaches beyond the largest number is cut off no more, but stays too large.
  const float rounded = floatOf(static_cast<uint32_t>(sum > 0x7f000000 ? 0x7f000000 : sum));
  const float cut = rounded >= 65536.0f ? rounded : halfToFloat(floatToHalfTowardZero(rounded));
  return {bits >> 31 ? -cut : cut};
}
inline uint16_t stochasticBf16(float a, uint32_t random) {
  const uint32_t bits = bitsOf(a);
  if ((bits & 0x7f800000) == 0x7f800000) return static_cast<uint16_t>(floatToBf16(a));
  return static_cast<uint16_t>((bits + (random >> 16)) >> 16);
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
