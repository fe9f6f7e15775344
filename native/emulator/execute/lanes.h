#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX512F__) || defined(__AVX2__) || defined(__SSE2__)
#include <immintrin.h>
#endif

#include "isa/target.h"

// A loop over a wave's lanes that the compiler vectorises: registers may be the same, but never overlap
// otherwise, so iterations are independent.
#if defined(__clang__)
#define EACH_LANE _Pragma("clang loop vectorize(assume_safety)") for (int lane = 0; lane < kLanes; lane++)
#else
#define EACH_LANE _Pragma("GCC ivdep") for (int lane = 0; lane < kLanes; lane++)
#endif

namespace emulator {
namespace EMULATOR_LEVEL {

constexpr uint64_t kAllLanes = ~uint64_t{0};

template <class To, class From>
inline To bitCast(From from) {
  static_assert(sizeof(To) == sizeof(From), "a bit cast keeps the size");
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

/// One register's worth of lanes, aligned as registers are.
struct alignas(64) LaneBuffer {
  uint32_t lanes[kLanes];
};

inline void fill(uint32_t* lanes, uint32_t value) { EACH_LANE lanes[lane] = value; }

/// Copies the lanes in `mask`; the others keep their value.
inline void copyLanes(uint32_t* to, const uint32_t* from, uint64_t mask) {
#if defined(__AVX512F__)
  for (int i = 0; i < 4; i++)
    _mm512_mask_store_epi32(to + 16 * i, static_cast<__mmask16>(mask >> (16 * i)),
                            _mm512_load_epi32(from + 16 * i));
#else
  for (int i = 0; i < kLanes; i += 8) {
    const uint32_t bits = static_cast<uint32_t>(mask >> i);
    for (int j = 0; j < 8; j++) {
      const uint32_t keep = (bits & (1u << j)) ? 0u : ~0u;
      to[i + j] = (to[i + j] & keep) | (from[i + j] & ~keep);
    }
  }
#endif
}

/// `to` = lanes of `set` where the mask has a one, of `clear` elsewhere.
inline void selectLanes(uint32_t* to, const uint32_t* clear, const uint32_t* set, uint64_t mask) {
#if defined(__AVX512F__)
  for (int i = 0; i < 4; i++)
    _mm512_store_epi32(to + 16 * i, _mm512_mask_blend_epi32(static_cast<__mmask16>(mask >> (16 * i)),
                                                            _mm512_load_epi32(clear + 16 * i),
                                                            _mm512_load_epi32(set + 16 * i)));
#else
  for (int i = 0; i < kLanes; i += 8) {
    const uint32_t bits = static_cast<uint32_t>(mask >> i);
    for (int j = 0; j < 8; j++) {
      const uint32_t keep = (bits & (1u << j)) ? 0u : ~0u;
      to[i + j] = (clear[i + j] & keep) | (set[i + j] & ~keep);
    }
  }
#endif
}

/// The lanes whose byte is 1 (bytes are 0 or 1).
inline uint64_t maskOfBytes(const uint8_t* bytes) {
#if defined(__AVX512BW__)
  const __m512i all = _mm512_loadu_si512(bytes);
  return _mm512_test_epi8_mask(all, all);
#elif defined(__SSE2__)
  uint64_t mask = 0;
  for (int i = 0; i < 4; i++) {
    const __m128i quarter = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes) + i);
    mask |= uint64_t{static_cast<uint32_t>(_mm_movemask_epi8(_mm_slli_epi16(quarter, 7)))} << (16 * i);
  }
  return mask;
#else
  uint64_t mask = 0;
  for (int lane = 0; lane < kLanes; lane++) mask |= uint64_t{bytes[lane]} << lane;
  return mask;
#endif
}

/// 1 in the lanes that the mask has, 0 elsewhere.
inline void lanesOfMask(uint32_t* lanes, uint64_t mask) {
  for (int i = 0; i < kLanes; i += 8) {
    const uint32_t bits = static_cast<uint32_t>(mask >> i);
    for (int j = 0; j < 8; j++) lanes[i + j] = bits >> j & 1;
  }
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
