#pragma once

#include <cstdint>

#include "execute/scalar.h"

// What scalar ALU instructions compute (see scalar.h).

namespace emulator {
namespace EMULATOR_LEVEL {

// Functions of one or two values of any width, instantiated for 32 and 64 bits.
template <class T>
T identity(T a) {
  return a;
}
template <class T>
T bitwiseNot(T a) {
  return ~a;
}
template <class T>
T bitwiseAnd(T a, T b) {
  return a & b;
}
template <class T>
T bitwiseOr(T a, T b) {
  return a | b;
}
template <class T>
T bitwiseXor(T a, T b) {
  return a ^ b;
}
template <class T>
T andNot(T a, T b) {
  return a & ~b;
}
template <class T>
T orNot(T a, T b) {
  return a | ~b;
}
template <class T>
T notAnd(T a, T b) {
  return ~(a & b);
}
template <class T>
T notOr(T a, T b) {
  return ~(a | b);
}
template <class T>
T notXor(T a, T b) {
  return ~(a ^ b);
}
/// With the operands of andNot and orNot exchanged, as *_andn1 and *_orn1 have them.
template <class T>
T notAndSecond(T a, T b) {
  return ~a & b;
}
template <class T>
T notOrSecond(T a, T b) {
  return ~a | b;
}

inline Flagged<uint32_t> scalarAddU32(uint32_t a, uint32_t b) { return {a + b, a + b < a}; }
inline Flagged<uint32_t> scalarSubtractU32(uint32_t a, uint32_t b) { return {a - b, a < b}; }
inline Flagged<int32_t> scalarAddI32(int32_t a, int32_t b) {
  int32_t sum;
  const bool overflow = __builtin_add_overflow(a, b, &sum);
  return {sum, overflow};
}
inline Flagged<int32_t> scalarSubtractI32(int32_t a, int32_t b) {
  int32_t difference;
  const bool overflow = __builtin_sub_overflow(a, b, &difference);
  return {difference, overflow};
}
template <class T>
Flagged<T> scalarMin(T a, T b) {
  return {a < b ? a : b, a < b};
}
template <class T>
Flagged<T> scalarMax(T a, T b) {
  return {a > b ? a : b, a > b};
}
template <class T>
T scalarShiftLeft(T a, uint32_t n) {
  return a << (n & (sizeof(T) * 8 - 1));
}
template <class T>
T scalarShiftRight(T a, uint32_t n) {
  return a >> (n & (sizeof(T) * 8 - 1));
}
inline uint32_t scalarMaskB32(uint32_t width, uint32_t offset) {
  return ((1u << (width & 31)) - 1) << (offset & 31);
}
inline uint64_t scalarMaskB64(uint32_t width, uint32_t offset) {
  return ((uint64_t{1} << (width & 63)) - 1) << (offset & 63);
}
inline uint32_t scalarMultiply(uint32_t a, uint32_t b) { return a * b; }
inline uint32_t scalarMultiplyHighU32(uint32_t a, uint32_t b) {
  return static_cast<uint32_t>(uint64_t{a} * b >> 32);
}
inline int32_t scalarMultiplyHighI32(int32_t a, int32_t b) {
  return static_cast<int32_t>(int64_t{a} * b >> 32);
}
/// The field's offset is in the low bits of `spec`, its width in bits 16..22.
template <class T>
T scalarExtract(T a, uint32_t spec) {
  using Unsigned = std::make_unsigned_t<T>;
  constexpr uint32_t kBits = sizeof(T) * 8;
  const uint32_t offset = spec & (kBits - 1), width = spec >> 16 & 0x7f;
  const T shifted = a >> offset;
  if (width == 0) return 0;
  if (width >= kBits) return shifted;
  const uint32_t rest = kBits - width;
  return static_cast<T>(static_cast<Unsigned>(shifted) << rest) >> rest;
}
inline Flagged<int32_t> scalarAbsoluteDifference(int32_t a, int32_t b) {
  const uint32_t difference = static_cast<uint32_t>(a) - static_cast<uint32_t>(b);
  const uint32_t result = static_cast<int32_t>(difference) < 0 ? 0 - difference : difference;
  return {static_cast<int32_t>(result), result != 0};
}
inline Flagged<int32_t> scalarAbsolute(int32_t a) {
  const uint32_t result = a < 0 ? 0 - static_cast<uint32_t>(a) : static_cast<uint32_t>(a);
  return {static_cast<int32_t>(result), result != 0};
}
template <int kShift>
Flagged<uint32_t> scalarShiftAdd(uint32_t a, uint32_t b) {
  const uint64_t sum = (uint64_t{a} << kShift) + b;
  return {static_cast<uint32_t>(sum), sum >> 32 != 0};
}
template <int kFirstShift, int kSecondShift>
uint32_t scalarPack(uint32_t a, uint32_t b) {
  return (a >> kFirstShift & 0xffff) | (b >> kSecondShift & 0xffff) << 16;
}

template <class T>
T scalarReverse(T a) {
  T result = 0;
  for (unsigned bit = 0; bit < sizeof(T) * 8; bit++) result = result << 1 | (a >> bit & 1);
  return result;
}
template <class T>
int32_t countOnes(T a) {
  return __builtin_popcountll(a);
}
template <class T>
int32_t countZeros(T a) {
  return static_cast<int32_t>(sizeof(T) * 8) - __builtin_popcountll(a);
}
template <class T>
int32_t firstOne(T a) {
  return a ? __builtin_ctzll(a) : -1;
}
template <class T>
int32_t firstZero(T a) {
  return firstOne<T>(static_cast<T>(~a));
}
template <class T>
int32_t leadingZeros(T a) {
  return a ? __builtin_clzll(a) - static_cast<int>(64 - sizeof(T) * 8) : -1;
}
/// How many leading bits equal the sign bit (-1: all do).
template <class T>
int32_t leadingSigns(T a) {
  return leadingZeros(static_cast<std::make_unsigned_t<T>>(a < 0 ? ~a : a));
}
template <class From>
int32_t signExtended(uint32_t a) {
  return static_cast<From>(a);
}
/// Each group of four bits becomes all ones where it has any (wqm), or one bit (quadmask).
template <class T>
T wholeQuads(T a) {
  T result = 0;
  for (unsigned bit = 0; bit < sizeof(T) * 8; bit += 4)
    if (a >> bit & 15) result |= T{15} << bit;
  return result;
}
template <class T>
T quadMask(T a) {
  T result = 0;
  for (unsigned bit = 0; bit < sizeof(T) * 8; bit += 4)
    if (a >> bit & 15) result |= T{1} << (bit / 4);
  return result;
}
inline uint64_t bitReplicate(uint32_t a) {
  uint64_t result = 0;
  for (int bit = 0; bit < 32; bit++) result |= uint64_t{a >> bit & 1} * 3 << (2 * bit);
  return result;
}

template <class T>
bool isEqual(T a, T b) {
  return a == b;
}
template <class T>
bool isNotEqual(T a, T b) {
  return a != b;
}
template <class T>
bool isGreater(T a, T b) {
  return a > b;
}
template <class T>
bool isGreaterOrEqual(T a, T b) {
  return a >= b;
}
template <class T>
bool isLess(T a, T b) {
  return a < b;
}
template <class T>
bool isLessOrEqual(T a, T b) {
  return a <= b;
}
template <class T>
bool bitIsClear(T a, uint32_t bit) {
  return !(a >> (bit & (sizeof(T) * 8 - 1)) & 1);
}
template <class T>
bool bitIsSet(T a, uint32_t bit) {
  return a >> (bit & (sizeof(T) * 8 - 1)) & 1;
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
