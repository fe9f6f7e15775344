#pragma once

#include "execute/numeric.h"

namespace emulator {
namespace EMULATOR_LEVEL {

/// As many floats as the CPU level's vector registers hold, and how many such registers a product may keep
/// its sums in.
#if defined(__AVX512F__)
struct FloatVector {
  static constexpr int kWidth = 16, kSums = 8;
  __m512 value;
  static FloatVector load(const float* from) { return {_mm512_loadu_ps(from)}; }
  static FloatVector all(float x) { return {_mm512_set1_ps(x)}; }
  void store(float* to) const { _mm512_storeu_ps(to, value); }
  void add(FloatVector a, FloatVector b) { value = _mm512_fmadd_ps(a.value, b.value, value); }
  FloatVector canonical() const {
    return {_mm512_mask_mov_ps(value, _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q),
                               _mm512_castsi512_ps(_mm512_set1_epi32(0x7fc00000)))};
  }
};
#elif defined(__FMA__) && defined(__AVX2__)
struct FloatVector {
  static constexpr int kWidth = 8, kSums = 8;
  __m256 value;
  static FloatVector load(const float* from) { return {_mm256_loadu_ps(from)}; }
  static FloatVector all(float x) { return {_mm256_set1_ps(x)}; }
  void store(float* to) const { _mm256_storeu_ps(to, value); }
  void add(FloatVector a, FloatVector b) { value = _mm256_fmadd_ps(a.value, b.value, value); }
  FloatVector canonical() const {
    return {_mm256_blendv_ps(value, _mm256_castsi256_ps(_mm256_set1_epi32(0x7fc00000)),
                             _mm256_cmp_ps(value, value, _CMP_UNORD_Q))};
  }
};
#else
struct FloatVector {
  static constexpr int kWidth = 4, kSums = 4;
  float value[4];
  static FloatVector load(const float* from) {
    FloatVector result;
    std::memcpy(result.value, from, sizeof result.value);
    return result;
  }
  static FloatVector all(float x) { return {{x, x, x, x}}; }
  void store(float* to) const { std::memcpy(to, value, sizeof value); }
  void add(FloatVector a, FloatVector b) {
    for (int i = 0; i < 4; i++) value[i] = fusedMultiplyAdd(a.value[i], b.value[i], value[i]);
  }
  FloatVector canonical() const {
    FloatVector result;
    for (int i = 0; i < 4; i++) result.value[i] = isNan(value[i]) ? floatOf(0x7fc00000) : value[i];
    return result;
  }
};
#endif

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
