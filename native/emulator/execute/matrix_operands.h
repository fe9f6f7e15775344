#pragma once

#include "execute/float8.h"
#include "execute/matrix.h"

// Matrix operands as registers hold them, widened to f32. With G = 64 / (rows * blocks) groups of lanes per
// block and depth / G elements per lane, lane block * rows * G + group * rows + r holds row r (of A; column r
// of B) and elements group * depth / G + j of the depth. So element j of all lanes, one row of 64 floats, has
// `rows` floats of one depth index side by side. (8-bit operands of *_f8f6f4: `joinRuns`.)

namespace emulator {
namespace EMULATOR_LEVEL {

constexpr int kMostElements = 32;  ///< of one lane

struct alignas(64) MatrixOperand {
  float element[kMostElements][kLanes];
};

/// Two elements per register.
template <float (*kConvert)(uint32_t)>
inline void widen16(const uint32_t (*from)[kLanes], int elements, MatrixOperand& to) {
  for (int i = 0; i < elements / 2; i++) {
    EACH_LANE to.element[2 * i][lane] = kConvert(from[i][lane] & 0xffff);
    EACH_LANE to.element[2 * i + 1][lane] = kConvert(from[i][lane] >> 16);
  }
}

/// Elements of 8 bits or fewer, packed without gaps.
template <int kBits, float (*kConvert)(uint32_t)>
inline void widenSmall(const uint32_t (*from)[kLanes], int elements, MatrixOperand& to) {
  constexpr uint32_t kMask = (1u << kBits) - 1;
  for (int i = 0; i < elements; i++) {
    const int word = i * kBits / 32, shift = i * kBits % 32;
    if (shift + kBits <= 32) {
      EACH_LANE to.element[i][lane] = kConvert(from[word][lane] >> shift & kMask);
    } else {
      EACH_LANE to.element[i][lane] =
          kConvert((from[word][lane] >> shift | from[word + 1][lane] << (32 - shift)) & kMask);
    }
  }
}

inline void widenBf16(const uint32_t (*from)[kLanes], int elements, MatrixOperand& to) {
  for (int i = 0; i < elements / 2; i++) {
    EACH_LANE to.element[2 * i][lane] = floatOf(from[i][lane] << 16);
    EACH_LANE to.element[2 * i + 1][lane] = floatOf(from[i][lane] & 0xffff0000);
  }
}

/// gfx90a: denormal f16 inputs count as 0 (those of bf16 fall to MXCSR).
inline float halfToFloatFlushed(uint32_t half) { return halfToFloat((half & 0x7c00) ? half : half & 0x8000); }

inline void widenF16(const uint32_t (*from)[kLanes], int elements, bool flush, MatrixOperand& to) {
  if (flush) return widen16<halfToFloatFlushed>(from, elements, to);
#if defined(__F16C__)
  for (int i = 0; i < elements / 2; i++) {
    for (int lane = 0; lane < kLanes; lane += 8) {
      const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from[i] + lane));
      const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from[i] + lane + 4));
      // Even halves to the front, odd ones behind them.
      const __m128i order = _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
      const __m128i x = _mm_shuffle_epi8(a, order), y = _mm_shuffle_epi8(b, order);
      _mm256_storeu_ps(to.element[2 * i] + lane, _mm256_cvtph_ps(_mm_unpacklo_epi64(x, y)));
      _mm256_storeu_ps(to.element[2 * i + 1] + lane, _mm256_cvtph_ps(_mm_unpackhi_epi64(x, y)));
    }
  }
#else
  widen16<halfToFloat>(from, elements, to);
#endif
}

/// Reads `elements` elements of each lane from registers.
inline void widen(const uint32_t (*from)[kLanes], MatrixType type, int elements, Target target,
                  MatrixOperand& to) {
  const bool fnuz = target == Target::gfx942;
  switch (type) {
    case MatrixType::f32:
      std::memcpy(to.element, from, sizeof(to.element[0]) * static_cast<size_t>(elements));
      return;
    case MatrixType::xf32:  // ten bits of mantissa, the rest cut off
      for (int i = 0; i < elements; i++) EACH_LANE to.element[i][lane] = floatOf(from[i][lane] & ~0x1fffu);
      return;
    case MatrixType::f16:
      return widenF16(from, elements, target == Target::gfx90a, to);
    case MatrixType::bf16:
      return widenBf16(from, elements, to);
    case MatrixType::fp8:
      return fnuz ? widenSmall<8, fp8FnuzToFloat>(from, elements, to)
                  : widenSmall<8, fp8ToFloat>(from, elements, to);
    case MatrixType::bf8:
      return fnuz ? widenSmall<8, bf8FnuzToFloat>(from, elements, to)
                  : widenSmall<8, bf8ToFloat>(from, elements, to);
    case MatrixType::fp6:
      return widenSmall<6, fp6ToFloat>(from, elements, to);
    case MatrixType::bf6:
      return widenSmall<6, bf6ToFloat>(from, elements, to);
    case MatrixType::fp4:
      return widenSmall<4, fp4ToFloat>(from, elements, to);
    case MatrixType::i8:
    case MatrixType::f64:
      return;  // handlers of their own
  }
}

/// An 8-bit operand of *_f8f6f4 in the order of the others. In registers a lane of group g has two runs of 16
/// elements, [16 g, 16 g + 16) of each half of the depth; here group g gets [32 g, 32 g + 32), which is also
/// the block that its lanes' scale is for.
template <int kRows>
inline void joinRuns(MatrixOperand& operand) {
  constexpr int kRun = 16, kGroups = kLanes / kRows, kDepth = kGroups * 2 * kRun;
  const MatrixOperand from = operand;
  for (int group = 0; group < kGroups; group++) {
    for (int i = 0; i < 2 * kRun; i++) {
      const int k = i / kRun * kDepth / 2 + group * kRun + i % kRun;
      std::memcpy(operand.element[k % (2 * kRun)] + k / (2 * kRun) * kRows, from.element[i] + group * kRows,
                  kRows * sizeof(float));
    }
  }
}

/// BLGP: lanes of B replaced by others. 1 and 2: one half of the wave for both; 4 to 7: one quarter for all.
template <class T>
inline void broadcastLanes(T* lanes, unsigned pattern) {
  if (pattern == 1 || pattern == 2) {
    std::memcpy(lanes + (pattern == 1 ? 32 : 0), lanes + (pattern == 1 ? 0 : 32), 32 * sizeof(T));
  } else if (pattern >= 4) {
    T quarter[16];
    std::memcpy(quarter, lanes + 16 * (pattern - 4), sizeof quarter);
    for (int i = 0; i < 4; i++) std::memcpy(lanes + 16 * i, quarter, sizeof quarter);
  }
}

/// The block of A that a block multiplies.
inline int blockOfA(int block, MatrixBroadcast broadcast) {
  const int size = broadcast.sizeOfA;
  return size ? (block >> size << size) + broadcast.blockOfA : block;
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
