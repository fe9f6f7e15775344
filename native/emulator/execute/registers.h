#pragma once

#include <immintrin.h>

#include <cstring>

#include "execute/access.h"
#include "execute/lanes.h"

namespace emulator {
namespace EMULATOR_LEVEL {

template <class T>
inline T loadAs(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// Rows of four lanes with four dwords each become four registers, and back (its own inverse).
inline void transpose4(__m128i& a, __m128i& b, __m128i& c, __m128i& d) {
  const __m128i ab0 = _mm_unpacklo_epi32(a, b), ab1 = _mm_unpackhi_epi32(a, b);
  const __m128i cd0 = _mm_unpacklo_epi32(c, d), cd1 = _mm_unpackhi_epi32(c, d);
  a = _mm_unpacklo_epi64(ab0, cd0);
  b = _mm_unpackhi_epi64(ab0, cd0);
  c = _mm_unpacklo_epi64(ab1, cd1);
  d = _mm_unpackhi_epi64(ab1, cd1);
}

inline __m128i load128(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }
inline void store128(void* to, __m128i value) { _mm_storeu_si128(static_cast<__m128i*>(to), value); }
inline void store64(void* to, __m128i value) { _mm_storel_epi64(static_cast<__m128i*>(to), value); }
inline __m128i load64(const void* from) { return _mm_loadl_epi64(static_cast<const __m128i*>(from)); }

/// Reads `Bytes` (4, 8, 12 or 16) at each lane's address into consecutive registers. `at(lane)` is a host
/// address, valid for all 64 lanes.
template <int Bytes, class At>
inline void gather(At at, uint32_t (*result)[kLanes]) {
  if constexpr (Bytes == 16) {
    for (int lane = 0; lane < kLanes; lane += 4) {
      __m128i a = load128(at(lane)), b = load128(at(lane + 1)), c = load128(at(lane + 2)),
              d = load128(at(lane + 3));
      transpose4(a, b, c, d);
      store128(result[0] + lane, a);
      store128(result[1] + lane, b);
      store128(result[2] + lane, c);
      store128(result[3] + lane, d);
    }
  } else if constexpr (Bytes == 8) {
    for (int lane = 0; lane < kLanes; lane += 4) {
      const __m128i ab = _mm_unpacklo_epi32(load64(at(lane)), load64(at(lane + 1)));
      const __m128i cd = _mm_unpacklo_epi32(load64(at(lane + 2)), load64(at(lane + 3)));
      store128(result[0] + lane, _mm_unpacklo_epi64(ab, cd));
      store128(result[1] + lane, _mm_unpackhi_epi64(ab, cd));
    }
  } else {
    for (int lane = 0; lane < kLanes; lane++) {
      for (int i = 0; i < Bytes / 4; i++) result[i][lane] = loadAs<uint32_t>(at(lane) + 4 * i);
    }
  }
}

/// The reverse: writes consecutive registers to each lane's address, for all 64 lanes in ascending order.
template <int Bytes, class At>
inline void scatter(At at, const uint32_t (*data)[kLanes]) {
  if constexpr (Bytes == 16) {
    for (int lane = 0; lane < kLanes; lane += 4) {
      __m128i a = load128(data[0] + lane), b = load128(data[1] + lane), c = load128(data[2] + lane),
              d = load128(data[3] + lane);
      transpose4(a, b, c, d);
      store128(at(lane), a);
      store128(at(lane + 1), b);
      store128(at(lane + 2), c);
      store128(at(lane + 3), d);
    }
  } else if constexpr (Bytes == 8) {
    for (int lane = 0; lane < kLanes; lane += 4) {
      const __m128i low = load128(data[0] + lane), high = load128(data[1] + lane);
      const __m128i ab = _mm_unpacklo_epi32(low, high), cd = _mm_unpackhi_epi32(low, high);
      store64(at(lane), ab);
      store64(at(lane + 1), _mm_unpackhi_epi64(ab, ab));
      store64(at(lane + 2), cd);
      store64(at(lane + 3), _mm_unpackhi_epi64(cd, cd));
    }
  } else {
    for (int lane = 0; lane < kLanes; lane++) {
      for (int i = 0; i < Bytes / 4; i++) std::memcpy(at(lane) + 4 * i, &data[i][lane], 4);
    }
  }
}

/// Reads 1 or 2 bytes per lane, extended to 32 bits.
template <int Bytes, class At>
inline void gatherSmall(At at, bool signedData, uint32_t* result) {
  static_assert(Bytes == 1 || Bytes == 2, "smaller than a dword");
  for (int lane = 0; lane < kLanes; lane++) {
    if constexpr (Bytes == 1) {
      result[lane] = signedData ? static_cast<uint32_t>(loadAs<int8_t>(at(lane))) : *at(lane);
    } else {
      result[lane] =
          signedData ? static_cast<uint32_t>(loadAs<int16_t>(at(lane))) : loadAs<uint16_t>(at(lane));
    }
  }
}

/// A load's data into its registers: `value` holds dwords, or extended small values, of all lanes. d16
/// instructions replace half of a register.
inline void deliverLoad(Wave& wave, const Instruction& instruction, uint64_t lanes,
                        const uint32_t (*value)[kLanes]) {
  uint32_t(*result)[kLanes] = registers(wave, instruction.destination);
  if (instruction.half == 0) {
    for (int i = 0; i < instruction.results; i++) copyLanes(result[i], value[i], lanes);
    return;
  }
  alignas(64) uint32_t merged[kLanes];
  for (int lane = 0; lane < kLanes; lane++) {
    merged[lane] = instruction.half == 1 ? (result[0][lane] & 0xffff0000) | (value[0][lane] & 0xffff)
                                         : (result[0][lane] & 0xffff) | value[0][lane] << 16;
  }
  copyLanes(result[0], merged, lanes);
}

/// The whole of a load of `Bytes` per lane whose lanes all have valid addresses.
template <int Bytes, class At>
inline void load(Wave& wave, const Instruction& instruction, uint64_t lanes, At at) {
  if constexpr (Bytes >= 4) {
    if (lanes == ~uint64_t{0}) return gather<Bytes>(at, registers(wave, instruction.destination));
  }
  alignas(64) uint32_t value[(Bytes + 3) / 4][kLanes];
  if constexpr (Bytes >= 4) {
    gather<Bytes>(at, value);
  } else {
    gatherSmall<Bytes>(at, instruction.signedData, value[0]);
  }
  deliverLoad(wave, instruction, lanes, value);
}

/// One lane's store of `Bytes`, from a column of registers.
template <int Bytes>
inline void storeLane(uint8_t* to, const uint32_t (*data)[kLanes], int lane, int half) {
  if constexpr (Bytes < 4) {
    const uint32_t value = half == 2 ? data[0][lane] >> 16 : data[0][lane];
    std::memcpy(to, &value, Bytes);
  } else {
    for (int i = 0; i < Bytes / 4; i++) std::memcpy(to + 4 * i, &data[i][lane], 4);
  }
}

template <int Bytes, class At>
inline void store(const Instruction& instruction, uint64_t lanes, const uint32_t (*data)[kLanes], At at) {
  if constexpr (Bytes >= 4) {
    if (lanes == ~uint64_t{0}) return scatter<Bytes>(at, data);
  }
  forEachLane(lanes, [&](int lane) { storeLane<Bytes>(at(lane), data, lane, instruction.half); });
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
