#pragma once

#include <immintrin.h>

#include <cstdint>

#include "wave/wave.h"

// MODE's rounding and denormal fields become the host's MXCSR while a wave runs: binary32 instructions follow
// its binary32 fields, and instructions on binary64 values switch to theirs where the two differ. Functions
// on 16-bit floats compute in binary32, where every 16-bit denormal is a normal number.

namespace emulator {
namespace EMULATOR_LEVEL {

/// MXCSR for a pair of MODE fields: 2 bits of rounding (even, +inf, -inf, zero), 2 of denormals.
inline uint32_t mxcsrOf(uint32_t rounding, uint32_t denormals) {
  constexpr uint32_t kMaskExceptions = 0x1f80, kFlushResults = 0x8000, kFlushSources = 0x0040;
  constexpr uint32_t kRounding[] = {0x0000, 0x4000, 0x2000, 0x6000};
  return kMaskExceptions | kRounding[rounding & 3] | (denormals & mode::keepResults ? 0 : kFlushResults) |
         (denormals & mode::keepSources ? 0 : kFlushSources);
}
inline uint32_t mxcsr32(uint32_t modeRegister) {
  return mxcsrOf(modeRegister >> mode::round32Shift, modeRegister >> mode::denormal32Shift);
}
inline uint32_t mxcsr64(uint32_t modeRegister) {
  return mxcsrOf(modeRegister >> mode::round64Shift, modeRegister >> mode::denormal64Shift);
}

/// Whether a NaN stays under the clamp modifier (clampToUnit).
inline bool clampKeepsNan(const Wave& wave) { return !(wave.mode & mode::dx10Clamp); }

/// MXCSR for atomics on floats of `bytes`, which round to even. LDS keeps denormals as MODE says; the L2
/// cache does not know MODE and keeps them, except for gfx90a's, which flushes those of binary32.
inline uint32_t mxcsrOfLdsAtomics(uint32_t modeRegister, size_t bytes) {
  return mxcsrOf(0, modeRegister >> (bytes == 4 ? mode::denormal32Shift : mode::denormal64Shift));
}
inline uint32_t mxcsrOfMemoryAtomics(Target target, size_t bytes) {
  const bool flushes = target == Target::gfx90a && bytes == 4;
  return mxcsrOf(0, flushes ? 0 : mode::keepSources | mode::keepResults);
}

/// Sets MXCSR until the end of the scope. (Exception flags that were raised inside do not count as a change.)
class ScopedMxcsr {
 public:
  explicit ScopedMxcsr(uint32_t value) : saved_(_mm_getcsr()) {
    if ((value ^ saved_) & ~0x3fu) _mm_setcsr(value);
  }
  ~ScopedMxcsr() {
    if ((_mm_getcsr() ^ saved_) & ~0x3fu) _mm_setcsr(saved_);
  }
  ScopedMxcsr(const ScopedMxcsr&) = delete;
  ScopedMxcsr& operator=(const ScopedMxcsr&) = delete;

 private:
  uint32_t saved_;
};

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
