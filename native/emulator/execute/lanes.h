#pragma once

#include <cstdint>
#include <cstring>

#include <immintrin.h>

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

/// All ones where `condition` holds, as maskOfLanes takes it.
inline uint32_t flag(bool condition) { return condition ? ~0u : 0; }

inline void fill(uint32_t* lanes, uint32_t value) { EACH_LANE lanes[lane] = value; }

/// `to` = lanes of `set` where the mask has a one, of `clear` elsewhere.
inline void selectLanes(uint32_t* to, const uint32_t* clear, const uint32_t* set, uint64_t mask) {
#if defined(__AVX512F__)
  for (int i = 0; i < kLanes; i += 16)
    _mm512_storeu_si512(
        to + i, _mm512_mask_blend_epi32(static_cast<__mmask16>(mask >> i), _mm512_loadu_si512(clear + i),
                                        _mm512_loadu_si512(set + i)));
#elif defined(__AVX2__)
  const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  for (int i = 0; i < kLanes; i += 8) {
    const __m256i eight = _mm256_set1_epi32(static_cast<int>(mask >> i));
    const __m256i chosen = _mm256_cmpeq_epi32(_mm256_and_si256(eight, bits), bits);
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(clear + i));
    const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(set + i));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), _mm256_blendv_epi8(a, b, chosen));
  }
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

/// Copies the lanes in `mask`; the others keep their value.
inline void copyLanes(uint32_t* to, const uint32_t* from, uint64_t mask) { selectLanes(to, to, from, mask); }

/// The same from memory, which need not be aligned.
inline void copyLanes(uint32_t* to, const uint8_t* from, uint64_t mask) {
  LaneBuffer row;
  std::memcpy(row.lanes, from, sizeof row.lanes);
  copyLanes(to, row.lanes, mask);
}

/// The lanes whose value is all ones (it is that or 0).
inline uint64_t maskOfLanes(const LaneBuffer& flags) {
  uint64_t mask = 0;
#if defined(__AVX512DQ__)
  for (int i = 0; i < kLanes; i += 16)
    mask |= uint64_t{_mm512_movepi32_mask(_mm512_load_si512(flags.lanes + i))} << i;
#elif defined(__AVX2__)
  for (int i = 0; i < kLanes; i += 8) {
    const __m256i eight = _mm256_load_si256(reinterpret_cast<const __m256i*>(flags.lanes + i));
    mask |= uint64_t{static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(eight)))} << i;
  }
#else
  for (int i = 0; i < kLanes; i += 4) {
    const __m128i four = _mm_load_si128(reinterpret_cast<const __m128i*>(flags.lanes + i));
    mask |= uint64_t{static_cast<uint32_t>(_mm_movemask_ps(_mm_castsi128_ps(four)))} << i;
  }
#endif
  return mask;
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
