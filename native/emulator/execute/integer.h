#pragma once

#include <cstdint>
#include <limits>

#include "execute/lanes.h"

// Integer and bit operations, one lane at a time (see vector_operation.h).

namespace emulator {
namespace EMULATOR_LEVEL {

/// `value` limited to what `To` holds: what the clamp bit makes of an integer operation.
template <class To>
inline To saturate(int64_t value) {
  constexpr int64_t low = std::numeric_limits<To>::min(), high = std::numeric_limits<To>::max();
  return static_cast<To>(value < low ? low : value > high ? high : value);
}

inline uint32_t moveB32(uint32_t a) { return a; }
inline uint64_t moveB64(uint64_t a) { return a; }
inline uint32_t notB32(uint32_t a) { return ~a; }
inline uint32_t andB32(uint32_t a, uint32_t b) { return a & b; }
inline uint32_t orB32(uint32_t a, uint32_t b) { return a | b; }
inline uint32_t xorB32(uint32_t a, uint32_t b) { return a ^ b; }
inline uint32_t xnorB32(uint32_t a, uint32_t b) { return ~(a ^ b); }

inline uint32_t addU32(uint32_t a, uint32_t b) { return a + b; }
inline uint32_t subtractU32(uint32_t a, uint32_t b) { return a - b; }
inline uint32_t reverseSubtractU32(uint32_t a, uint32_t b) { return b - a; }
inline uint32_t addU32Saturated(uint32_t a, uint32_t b) { return a + b < a ? ~0u : a + b; }
inline uint32_t subtractU32Saturated(uint32_t a, uint32_t b) { return a < b ? 0 : a - b; }
inline uint32_t reverseSubtractU32Saturated(uint32_t a, uint32_t b) { return b < a ? 0 : b - a; }
inline int32_t addI32(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}
inline int32_t subtractI32(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) - static_cast<uint32_t>(b));
}
inline int32_t addI32Saturated(int32_t a, int32_t b) { return saturate<int32_t>(int64_t{a} + b); }
inline int32_t subtractI32Saturated(int32_t a, int32_t b) { return saturate<int32_t>(int64_t{a} - b); }

inline int32_t minI32(int32_t a, int32_t b) { return a < b ? a : b; }
inline int32_t maxI32(int32_t a, int32_t b) { return a > b ? a : b; }
inline uint32_t minU32(uint32_t a, uint32_t b) { return a < b ? a : b; }
inline uint32_t maxU32(uint32_t a, uint32_t b) { return a > b ? a : b; }
inline int32_t min3I32(int32_t a, int32_t b, int32_t c) { return minI32(minI32(a, b), c); }
inline int32_t max3I32(int32_t a, int32_t b, int32_t c) { return maxI32(maxI32(a, b), c); }
inline int32_t med3I32(int32_t a, int32_t b, int32_t c) {
  return maxI32(minI32(a, b), minI32(maxI32(a, b), c));
}
inline uint32_t min3U32(uint32_t a, uint32_t b, uint32_t c) { return minU32(minU32(a, b), c); }
inline uint32_t max3U32(uint32_t a, uint32_t b, uint32_t c) { return maxU32(maxU32(a, b), c); }
inline uint32_t med3U32(uint32_t a, uint32_t b, uint32_t c) {
  return maxU32(minU32(a, b), minU32(maxU32(a, b), c));
}

// Shifts take the amount first ("rev").
inline uint32_t shiftLeftB32(uint32_t n, uint32_t a) { return a << (n & 31); }
inline uint32_t shiftRightB32(uint32_t n, uint32_t a) { return a >> (n & 31); }
inline int32_t shiftRightI32(uint32_t n, int32_t a) { return a >> (n & 31); }
inline uint64_t shiftLeftB64(uint32_t n, uint64_t a) { return a << (n & 63); }
inline uint64_t shiftRightB64(uint32_t n, uint64_t a) { return a >> (n & 63); }
inline int64_t shiftRightI64(uint32_t n, int64_t a) { return a >> (n & 63); }

constexpr uint32_t low24(uint32_t a) { return a & 0xffffff; }
constexpr int32_t signed24(int32_t a) { return static_cast<int32_t>(static_cast<uint32_t>(a) << 8) >> 8; }
inline uint32_t multiplyU24(uint32_t a, uint32_t b) { return low24(a) * low24(b); }
inline uint32_t multiplyHighU24(uint32_t a, uint32_t b) {
  return static_cast<uint32_t>(uint64_t{low24(a)} * low24(b) >> 32);
}
inline int32_t multiplyI24(int32_t a, int32_t b) {
  return static_cast<int32_t>(int64_t{signed24(a)} * signed24(b));
}
inline int32_t multiplyHighI24(int32_t a, int32_t b) {
  return static_cast<int32_t>(int64_t{signed24(a)} * signed24(b) >> 32);
}
inline uint32_t madU24(uint32_t a, uint32_t b, uint32_t c) { return low24(a) * low24(b) + c; }
inline uint32_t madU24Saturated(uint32_t a, uint32_t b, uint32_t c) {
  const uint64_t sum = uint64_t{low24(a)} * low24(b) + c;
  return sum > 0xffffffff ? ~0u : static_cast<uint32_t>(sum);
}
inline int32_t madI24(int32_t a, int32_t b, int32_t c) {
  return static_cast<int32_t>(int64_t{signed24(a)} * signed24(b) + c);
}
inline int32_t madI24Saturated(int32_t a, int32_t b, int32_t c) {
  return saturate<int32_t>(int64_t{signed24(a)} * signed24(b) + c);
}
inline uint32_t multiplyLowU32(uint32_t a, uint32_t b) { return a * b; }
inline uint32_t multiplyHighU32(uint32_t a, uint32_t b) {
  return static_cast<uint32_t>(uint64_t{a} * b >> 32);
}
inline int32_t multiplyHighI32(int32_t a, int32_t b) { return static_cast<int32_t>(int64_t{a} * b >> 32); }
inline uint32_t madU32U16(uint16_t a, uint16_t b, uint32_t c) { return uint32_t{a} * b + c; }
inline uint32_t madU32U16Saturated(uint16_t a, uint16_t b, uint32_t c) {
  return addU32Saturated(uint32_t{a} * b, c);
}
inline int32_t madI32I16(int16_t a, int16_t b, int32_t c) { return addI32(int32_t{a} * b, c); }
inline int32_t madI32I16Saturated(int16_t a, int16_t b, int32_t c) {
  return addI32Saturated(int32_t{a} * b, c);
}

inline uint32_t add3U32(uint32_t a, uint32_t b, uint32_t c) { return a + b + c; }
inline uint32_t shiftLeftAddU32(uint32_t a, uint32_t b, uint32_t c) { return (a << (b & 31)) + c; }
inline uint32_t addShiftLeftU32(uint32_t a, uint32_t b, uint32_t c) { return (a + b) << (c & 31); }
inline uint32_t shiftLeftOrB32(uint32_t a, uint32_t b, uint32_t c) { return a << (b & 31) | c; }
inline uint32_t andOrB32(uint32_t a, uint32_t b, uint32_t c) { return (a & b) | c; }
inline uint32_t or3B32(uint32_t a, uint32_t b, uint32_t c) { return a | b | c; }
inline uint32_t xorAddU32(uint32_t a, uint32_t b, uint32_t c) { return (a ^ b) + c; }
/// The shift amount is limited to 4 by the hardware.
inline uint64_t shiftLeftAddU64(uint64_t a, uint32_t b, uint64_t c) {
  const uint32_t amount = b & 7;
  return (a << (amount > 4 ? 0 : amount)) + c;
}

inline uint32_t bitFieldMask(uint32_t width) { return (1u << (width & 31)) - 1; }
inline uint32_t bitFieldExtractU32(uint32_t a, uint32_t offset, uint32_t width) {
  return a >> (offset & 31) & bitFieldMask(width);
}
inline int32_t bitFieldExtractI32(int32_t a, uint32_t offset, uint32_t width) {
  const uint32_t left = 32 - (width & 31);
  const uint32_t field = static_cast<uint32_t>(a >> (offset & 31));
  return (width & 31) == 0 ? 0 : static_cast<int32_t>(field << (left & 31)) >> (left & 31);
}
inline uint32_t bitFieldInsertB32(uint32_t a, uint32_t b, uint32_t c) { return (a & b) | (~a & c); }
inline uint32_t bitFieldMaskB32(uint32_t width, uint32_t offset) {
  return bitFieldMask(width) << (offset & 31);
}
inline uint32_t alignBit(uint32_t a, uint32_t b, uint32_t n) {
  return static_cast<uint32_t>((uint64_t{a} << 32 | b) >> (n & 31));
}
inline uint32_t alignByte(uint32_t a, uint32_t b, uint32_t n) {
  return static_cast<uint32_t>((uint64_t{a} << 32 | b) >> (8 * (n & 3)));
}
inline uint32_t reverseBits(uint32_t a) {
  a = (a & 0x55555555) << 1 | (a >> 1 & 0x55555555);
  a = (a & 0x33333333) << 2 | (a >> 2 & 0x33333333);
  a = (a & 0x0f0f0f0f) << 4 | (a >> 4 & 0x0f0f0f0f);
  return __builtin_bswap32(a);
}
// Positions of the first bit set; -1 where there is none.
inline int32_t findHighU32(uint32_t a) { return a ? __builtin_clz(a) : -1; }
inline int32_t findLowB32(uint32_t a) { return a ? __builtin_ctz(a) : -1; }
inline int32_t findHighI32(int32_t a) {
  const uint32_t changed = static_cast<uint32_t>(a < 0 ? ~a : a);
  return changed ? __builtin_clz(changed) : -1;
}
inline uint32_t bitCount(uint32_t a, uint32_t b) { return static_cast<uint32_t>(__builtin_popcount(a)) + b; }

/// Byte i of the result is the byte of {a, b} that byte i of `selector` names (0..3 of b, 4..7 of a), a sign
/// (8..11: of b's and a's halves), 0 (12) or 0xff (13 and up).
inline uint32_t permuteBytes(uint32_t a, uint32_t b, uint32_t selector) {
  const uint64_t bytes = uint64_t{a} << 32 | b;
  uint32_t result = 0;
  for (int i = 0; i < 4; i++) {
    const uint32_t s = selector >> (8 * i) & 0xff;
    const uint32_t byte = bytes >> (8 * (s & 7)) & 0xff;
    const uint32_t sign = bytes >> (16 * (s & 3) + 15) & 1 ? 0xff : 0;
    result |= (s < 8 ? byte : s < 12 ? sign : s == 12 ? 0 : 0xff) << (8 * i);
  }
  return result;
}

/// Linear-feedback random generator: x^32 + x^8 + x^6 + x^5 (bits 31, 30, 28, 19 feed back).
inline uint32_t nextRandom(uint32_t a) { return a << 1 ^ (a & 0x80000000 ? 197u : 0u); }

// Sums of absolute byte differences and averages, for video.
inline uint32_t absoluteDifference(uint32_t a, uint32_t b) { return a > b ? a - b : b - a; }
template <bool kMasked>
inline uint32_t byteDifferences(uint32_t a, uint32_t b) {
  uint32_t sum = 0;
  for (int i = 0; i < 32; i += 8) {
    const uint32_t x = a >> i & 0xff, y = b >> i & 0xff;
    sum += kMasked && y == 0 ? 0 : absoluteDifference(x, y);
  }
  return sum;
}
inline uint32_t sadU8(uint32_t a, uint32_t b, uint32_t c) { return byteDifferences<false>(a, b) + c; }
inline uint32_t sadHighU8(uint32_t a, uint32_t b, uint32_t c) {
  return (byteDifferences<false>(a, b) << 16) + c;
}
inline uint32_t maskedSadU8(uint32_t a, uint32_t b, uint32_t c) { return byteDifferences<true>(a, b) + c; }
inline uint32_t sadU16(uint32_t a, uint32_t b, uint32_t c) {
  return absoluteDifference(a & 0xffff, b & 0xffff) + absoluteDifference(a >> 16, b >> 16) + c;
}
inline uint32_t sadU32(uint32_t a, uint32_t b, uint32_t c) { return absoluteDifference(a, b) + c; }
inline uint32_t sadU8Saturated(uint32_t a, uint32_t b, uint32_t c) {
  return addU32Saturated(byteDifferences<false>(a, b), c);
}
inline uint32_t sadHighU8Saturated(uint32_t a, uint32_t b, uint32_t c) {
  return addU32Saturated(byteDifferences<false>(a, b) << 16, c);
}
inline uint32_t maskedSadU8Saturated(uint32_t a, uint32_t b, uint32_t c) {
  return addU32Saturated(byteDifferences<true>(a, b), c);
}
inline uint32_t sadU16Saturated(uint32_t a, uint32_t b, uint32_t c) {
  return addU32Saturated(sadU16(a, b, 0), c);
}
inline uint32_t sadU32Saturated(uint32_t a, uint32_t b, uint32_t c) {
  return addU32Saturated(absoluteDifference(a, b), c);
}
/// Four differences of 4-byte windows of a against b, added to c's 16-bit parts.
template <bool kMasked>
inline uint64_t quadSad(uint64_t a, uint32_t b, uint64_t c) {
  uint64_t result = 0;
  for (int i = 0; i < 4; i++) {
    const uint32_t sum = byteDifferences<kMasked>(static_cast<uint32_t>(a >> (8 * i)), b);
    result |= ((sum + (c >> (16 * i))) & 0xffff) << (16 * i);
  }
  return result;
}
inline uint64_t quadSadU8(uint64_t a, uint32_t b, uint64_t c) { return quadSad<false>(a, b, c); }
inline uint64_t maskedQuadSadU8(uint64_t a, uint32_t b, uint64_t c) { return quadSad<true>(a, b, c); }
inline uint32_t lerpU8(uint32_t a, uint32_t b, uint32_t c) {
  uint32_t result = 0;
  for (int i = 0; i < 32; i += 8) result |= (((a >> i & 0xff) + (b >> i & 0xff) + (c >> i & 1)) >> 1) << i;
  return result;
}

// 16-bit integers.
inline uint16_t addU16(uint16_t a, uint16_t b) { return static_cast<uint16_t>(a + b); }
inline uint16_t subtractU16(uint16_t a, uint16_t b) { return static_cast<uint16_t>(a - b); }
inline uint16_t reverseSubtractU16(uint16_t a, uint16_t b) { return static_cast<uint16_t>(b - a); }
inline uint16_t addU16Saturated(uint16_t a, uint16_t b) { return saturate<uint16_t>(int64_t{a} + b); }
inline uint16_t subtractU16Saturated(uint16_t a, uint16_t b) { return saturate<uint16_t>(int64_t{a} - b); }
inline uint16_t reverseSubtractU16Saturated(uint16_t a, uint16_t b) {
  return saturate<uint16_t>(int64_t{b} - a);
}
inline int16_t addI16(int16_t a, int16_t b) { return static_cast<int16_t>(a + b); }
inline int16_t subtractI16(int16_t a, int16_t b) { return static_cast<int16_t>(a - b); }
inline int16_t addI16Saturated(int16_t a, int16_t b) { return saturate<int16_t>(int64_t{a} + b); }
inline int16_t subtractI16Saturated(int16_t a, int16_t b) { return saturate<int16_t>(int64_t{a} - b); }
inline uint16_t multiplyLowU16(uint16_t a, uint16_t b) { return static_cast<uint16_t>(uint32_t{a} * b); }
inline uint16_t madU16(uint16_t a, uint16_t b, uint16_t c) {
  return static_cast<uint16_t>(uint32_t{a} * b + c);
}
inline uint16_t madU16Saturated(uint16_t a, uint16_t b, uint16_t c) {
  return saturate<uint16_t>(int64_t{a} * b + c);
}
inline int16_t madI16(int16_t a, int16_t b, int16_t c) {
  return static_cast<int16_t>(static_cast<uint32_t>(int32_t{a} * b) + static_cast<uint32_t>(c));
}
inline int16_t madI16Saturated(int16_t a, int16_t b, int16_t c) {
  return saturate<int16_t>(int64_t{a} * b + c);
}
inline uint16_t shiftLeftB16(uint16_t n, uint16_t a) { return static_cast<uint16_t>(a << (n & 15)); }
inline uint16_t shiftRightB16(uint16_t n, uint16_t a) { return static_cast<uint16_t>(a >> (n & 15)); }
inline int16_t shiftRightI16(uint16_t n, int16_t a) { return static_cast<int16_t>(a >> (n & 15)); }
inline uint16_t minU16(uint16_t a, uint16_t b) { return a < b ? a : b; }
inline uint16_t maxU16(uint16_t a, uint16_t b) { return a > b ? a : b; }
inline int16_t minI16(int16_t a, int16_t b) { return a < b ? a : b; }
inline int16_t maxI16(int16_t a, int16_t b) { return a > b ? a : b; }
inline uint16_t min3U16(uint16_t a, uint16_t b, uint16_t c) { return minU16(minU16(a, b), c); }
inline uint16_t max3U16(uint16_t a, uint16_t b, uint16_t c) { return maxU16(maxU16(a, b), c); }
inline uint16_t med3U16(uint16_t a, uint16_t b, uint16_t c) {
  return maxU16(minU16(a, b), minU16(maxU16(a, b), c));
}
inline int16_t min3I16(int16_t a, int16_t b, int16_t c) { return minI16(minI16(a, b), c); }
inline int16_t max3I16(int16_t a, int16_t b, int16_t c) { return maxI16(maxI16(a, b), c); }
inline int16_t med3I16(int16_t a, int16_t b, int16_t c) {
  return maxI16(minI16(a, b), minI16(maxI16(a, b), c));
}
inline uint32_t packB32(uint16_t a, uint16_t b) { return a | uint32_t{b} << 16; }
inline uint32_t saturatePackU8I16(uint32_t a) {
  return uint32_t{saturate<uint8_t>(static_cast<int16_t>(a))} |
         uint32_t{saturate<uint8_t>(static_cast<int16_t>(a >> 16))} << 8;
}
inline uint16_t shiftPackI8(int32_t a, int32_t b, uint32_t n) {
  return static_cast<uint16_t>(static_cast<uint8_t>(saturate<int8_t>(a >> (n & 31))) |
                               static_cast<uint8_t>(saturate<int8_t>(b >> (n & 31))) << 8);
}
inline uint16_t shiftPackU8(int32_t a, int32_t b, uint32_t n) {
  return static_cast<uint16_t>(saturate<uint8_t>(a >> (n & 31)) | saturate<uint8_t>(b >> (n & 31)) << 8);
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
