#pragma once

#include "execute/numeric.h"

// The floating-point formats of 8, 6 and 4 bits. FNUZ formats (gfx942) have no infinities, no negative zero,
// a bias one higher, and 0x80 as their only NaN; the OCP formats (gfx950) are those of the OCP MX and FP8
// specifications: e4m3 has no infinity and NaN 0x7f, e5m2 is like a short binary16.

namespace emulator {
namespace EMULATOR_LEVEL {

/// `then` where the condition holds, without a branch, so that loops over lanes vectorise.
inline uint32_t choose(bool condition, uint32_t then, uint32_t otherwise) {
  const uint32_t mask = 0u - static_cast<uint32_t>(condition);
  return (then & mask) | (otherwise & ~mask);
}

/// The bits of the float with this code, of `kExponent` and `kMantissa` bits and the exponent's bias.
template <int kExponent, int kMantissa, int kBias>
inline uint32_t smallToBits(uint32_t code) {
  constexpr uint32_t kMagnitude = (1u << (kExponent + kMantissa)) - 1;
  const uint32_t magnitude = code & kMagnitude;
  const uint32_t sign = (code >> (kExponent + kMantissa) & 1) << 31;
  const uint32_t normal = (magnitude << (23 - kMantissa)) + (static_cast<uint32_t>(127 - kBias) << 23);
  const float unit = floatOf(static_cast<uint32_t>(127 + 1 - kBias - kMantissa) << 23);
  const uint32_t denormal = bitsOf(static_cast<float>(static_cast<int32_t>(magnitude)) * unit);
  return sign | choose(magnitude < (1u << kMantissa), denormal, normal);
}

constexpr uint32_t kCanonicalNan = 0x7fc00000;

inline float fp8FnuzToFloat(uint32_t code) {
  return floatOf(choose((code & 255) == 0x80, kCanonicalNan, smallToBits<4, 3, 8>(code)));
}
inline float bf8FnuzToFloat(uint32_t code) {
  return floatOf(choose((code & 255) == 0x80, kCanonicalNan, smallToBits<5, 2, 16>(code)));
}
inline float fp8ToFloat(uint32_t code) {
  return floatOf(choose((code & 127) == 127, kCanonicalNan, smallToBits<4, 3, 7>(code)));
}
inline float bf8ToFloat(uint32_t code) {
  const uint32_t magnitude = code & 127;
  const uint32_t infinity = (code & 128) << 24 | 0x7f800000;
  const uint32_t special = choose(magnitude == 0x7c, infinity, kCanonicalNan);
  return floatOf(choose(magnitude >= 0x7c, special, smallToBits<5, 2, 15>(code)));
}
/// Rounds to nearest, ties to even. What is too large becomes `kOverflow`, NaN becomes `kNan` (OCP: with the
/// sign): the hardware does not saturate unless MODE.FP16_OVFL tells it to.
template <int kExponent, int kMantissa, int kBias, uint32_t kLargest, uint32_t kOverflow, uint32_t kNan,
          bool kFnuz>
inline uint32_t floatToSmall(float value) {
  const uint32_t bits = bitsOf(value), sign = bits >> 31 << (kExponent + kMantissa),
                 magnitude = bits & 0x7fffffff;
  constexpr int kShift = 23 - kMantissa;
  constexpr uint32_t kRebias = static_cast<uint32_t>(127 - kBias) << 23;
  const uint32_t normal =
      (magnitude - kRebias + (1u << (kShift - 1)) - 1 + (magnitude >> kShift & 1)) >> kShift;
  // Below the smallest normal number the unit in the last place is that of `magic`: the addition rounds.
  constexpr uint32_t kMagic = static_cast<uint32_t>(127 + 1 - kBias - kMantissa + 23) << 23;
  const uint32_t denormal = bitsOf(floatOf(magnitude) + floatOf(kMagic)) - kMagic;
  const bool small = magnitude < kRebias + (1u << 23);
  const uint32_t code = small ? denormal : normal;
  if (magnitude > 0x7f800000) return kFnuz ? kNan : sign | kNan;
  if (!small && (magnitude == 0x7f800000 || code > kLargest)) return kFnuz ? kOverflow : sign | kOverflow;
  return kFnuz && !code ? 0 : sign | code;
}

inline uint32_t floatToFp8Fnuz(float value) { return floatToSmall<4, 3, 8, 0x7f, 0x80, 0x80, true>(value); }
inline uint32_t floatToBf8Fnuz(float value) { return floatToSmall<5, 2, 16, 0x7f, 0x80, 0x80, true>(value); }
inline uint32_t floatToFp8(float value) { return floatToSmall<4, 3, 7, 0x7e, 0x7f, 0x7f, false>(value); }
inline uint32_t floatToBf8(float value) { return floatToSmall<5, 2, 15, 0x7b, 0x7c, 0x7f, false>(value); }

/// Saturates, as all of its codes are numbers.
inline uint32_t floatToFp4(float value) { return floatToSmall<2, 1, 1, 7, 7, 7, false>(value); }

inline float fp6ToFloat(uint32_t code) { return floatOf(smallToBits<2, 3, 1>(code)); }
inline float bf6ToFloat(uint32_t code) { return floatOf(smallToBits<3, 2, 3>(code)); }
inline float fp4ToFloat(uint32_t code) { return floatOf(smallToBits<2, 1, 1>(code)); }

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
