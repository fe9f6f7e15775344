#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "execute/float_mode.h"
#include "execute/half_mode.h"
#include "execute/operands.h"
#include "isa/instruction.h"
#include "wave/wave.h"

// Makes instruction handlers of plain functions of one lane's values:
//
//   float addF32(float a, float b) { return a + b; }      ->  operation<addF32>
//
// Parameter and result types say how operands are read and written, and so what constants and modifiers mean.

namespace emulator {
namespace EMULATOR_LEVEL {

template <auto F, class Signature = decltype(F)>
struct Operation;

template <auto F, class Result, class... Arguments>
struct Operation<F, Result (*)(Arguments...)> {
  static constexpr int kSources = sizeof...(Arguments);
  static constexpr bool kCompares = std::is_same_v<Result, bool>;
  using Indices = std::index_sequence_for<Arguments...>;
  using Stored = std::conditional_t<kCompares, uint32_t, Result>;
  static constexpr ValueKind kResult = Lane<Stored>::kind;
  static constexpr bool kDouble =
      std::is_same_v<Result, double> || (std::is_same_v<Arguments, double> || ...);
  static constexpr bool kHalf = std::is_same_v<Result, F16> || std::is_same_v<Result, F16Pair> ||
                                (std::is_same_v<Arguments, F16> || ...);

  /// MXCSR by MODE's fields for binary64 (and 16-bit floats), where the function has to do with such values.
  struct DoubleMode : ScopedMxcsr {
    explicit DoubleMode(const Wave& wave) : ScopedMxcsr(mxcsr64(wave.mode)) {}
  };
  struct SingleMode {
    explicit SingleMode(const Wave&) {}
  };
  using FloatMode = std::conditional_t<kDouble, DoubleMode, SingleMode>;

  /// Whether MODE says something that neither MXCSR nor the loops below see to.
  static bool needsMode(const Wave& wave) {
    if constexpr (kHalf) return !HalfMode::isUsual(wave.mode);
    constexpr int kShift = kDouble ? mode::denormal64Shift : mode::denormal32Shift;
    return kReturnsSource<F> && !(wave.mode >> kShift & mode::keepSources);
  }
  template <class T>
  static T flushedSource(T value, const Wave& wave) {
    if constexpr (std::is_same_v<T, F16>)
      return HalfMode(wave.mode).keepsSources ? value : flush(value);
    else if constexpr (kReturnsSource<F>)
      return needsMode(wave) ? flush(value) : value;
    else
      return value;
  }
  /// `general`, with all that MODE says.
  template <size_t... K>
  static void byMode(Wave& wave, const Instruction& i, std::index_sequence<K...>) {
    const std::conditional_t<kDouble || kHalf, DoubleMode, SingleMode> floatMode(wave);
    const HalfMode half(wave.mode);
    LaneBuffer buffers[kSources][2], result[2];
    const uint32_t* s[kSources];
    collect<true>(wave, i, buffers, s, Indices{});
    const uint64_t lanes = writtenLanes(wave, i);
    uint64_t mask = 0;
    for (int lane = 0; lane < kLanes; lane++) {
      const Result value = F(flushedSource(Lane<Arguments>::load(s[K], lane), wave)...);
      if constexpr (kCompares) {
        mask |= uint64_t{value} << lane;
      } else if constexpr (std::is_same_v<Result, F16>) {
        const bool pole =
            !isNan(value.value) && !isFinite(value) && (isFinite(Lane<Arguments>::load(s[K], lane)) && ...);
        if (half.saturates && pole && lanes >> lane & 1) return refuseInfinity(wave);
        result->lanes[lane] = floatToHalf(value.value, half);
      } else if constexpr (std::is_same_v<Result, F16Pair>) {
        result->lanes[lane] = floatToHalf(value.low, half) | floatToHalf(value.high, half) << 16;
      } else {
        Lane<Stored>::store(result->lanes, lane, value);
      }
    }
    if constexpr (kCompares)
      finishCompare(wave, i, mask, lanes);
    else
      store(wave, i, kResult, result);
  }

  /// The loop that every variant but the fastest shares.
  template <size_t... K>
  __attribute__((noinline)) static void compute(uint32_t* result, const uint32_t* const* sources,
                                                std::index_sequence<K...>) {
    const uint32_t* const s[] = {static_cast<const uint32_t*>(__builtin_assume_aligned(sources[K], 64))...};
    uint32_t* const r = static_cast<uint32_t*>(__builtin_assume_aligned(result, 64));
    EACH_LANE Lane<Stored>::store(r, lane, F(Lane<Arguments>::load(s[K], lane)...));
  }
  template <size_t... K>
  __attribute__((noinline)) static uint64_t compare(const uint32_t* const* sources,
                                                    std::index_sequence<K...>) {
    const uint32_t* const s[] = {static_cast<const uint32_t*>(__builtin_assume_aligned(sources[K], 64))...};
    LaneBuffer holds;
    EACH_LANE holds.lanes[lane] = flag(F(Lane<Arguments>::load(s[K], lane)...));
    return maskOfLanes(holds);
  }

  template <bool kModified, size_t... K>
  static void collect(const Wave& wave, const Instruction& i, LaneBuffer (*buffers)[2],
                      const uint32_t** sources, std::index_sequence<K...>) {
    if constexpr (kModified)
      ((sources[K] = fetch(wave, i, K, Lane<Arguments>::kind, buffers[K])), ...);
    else
      ((sources[K] = fetchPlain(wave, i, K, Lane<Arguments>::kind, buffers[K])), ...);
  }

  static void finishCompare(Wave& wave, const Instruction& i, uint64_t mask, uint64_t lanes) {
    // Lanes that are off give 0; v_cmpx writes EXEC, too (marked at decode).
    mask &= lanes;
    wave.setScalar64(i.scalarDestination, mask);
    if (i.writesExec) wave.setExec(mask);
  }

  static void general(Wave& wave, const Instruction& i) {
    if (needsMode(wave)) return byMode(wave, i, Indices{});
    const FloatMode floatMode(wave);
    LaneBuffer buffers[kSources][2];
    const uint32_t* sources[kSources];
    collect<true>(wave, i, buffers, sources, Indices{});
    if constexpr (kCompares) {
      finishCompare(wave, i, compare(sources, Indices{}), writtenLanes(wave, i));
    } else {
      LaneBuffer result[2];
      compute(result->lanes, sources, Indices{});
      store(wave, i, kResult, result);
    }
  }

  static void plain(Wave& wave, const Instruction& i) {
    if (needsMode(wave)) return byMode(wave, i, Indices{});
    const FloatMode floatMode(wave);
    LaneBuffer buffers[kSources][2];
    const uint32_t* sources[kSources];
    collect<false>(wave, i, buffers, sources, Indices{});
    const uint64_t exec = wave.exec();
    if constexpr (kCompares) {
      finishCompare(wave, i, compare(sources, Indices{}), exec);
    } else {
      uint32_t* destination = wave.vector[i.destination - 256];
      if (exec == kAllLanes) return compute(destination, sources, Indices{});
      LaneBuffer result[2];
      compute(result->lanes, sources, Indices{});
      for (int r = 0; r < kResult.registers(); r++)
        copyLanes(destination + r * kLanes, result[r].lanes, exec);
    }
  }

  // The fast variants: the loop inlined, with the registers (and a uniform first source) known.
  template <bool kUniformFirst, size_t... K>
  static void direct(Wave& wave, const Instruction& i, std::index_sequence<K...>) {
    if (needsMode(wave)) return byMode(wave, i, Indices{});
    const uint32_t* const s[] = {static_cast<const uint32_t*>(__builtin_assume_aligned(
        kUniformFirst && K == 0 ? nullptr : wave.vector[i.source[K].code - 256], 64))...};
    uint32_t first = 0;
    if constexpr (kUniformFirst) first = uniform32(wave, i.source[0], i.literal);
    uint32_t* destination = wave.vector[i.destination - 256];
    const uint64_t exec = wave.exec();
    if constexpr (kCompares) {
      LaneBuffer holds;
      EACH_LANE holds.lanes[lane] = flag(F((kUniformFirst && K == 0 ? Lane<Arguments>::load(&first, 0)
                                                                    : Lane<Arguments>::load(s[K], lane))...));
      finishCompare(wave, i, maskOfLanes(holds), exec);
    } else {
      LaneBuffer masked[kResult.registers()];
      uint32_t* const r = static_cast<uint32_t*>(
          __builtin_assume_aligned(exec == kAllLanes ? destination : masked->lanes, 64));
      EACH_LANE Lane<Stored>::store(r, lane,
                                    F((kUniformFirst && K == 0 ? Lane<Arguments>::load(&first, 0)
                                                               : Lane<Arguments>::load(s[K], lane))...));
      if (exec != kAllLanes)
        for (int k = 0; k < kResult.registers(); k++)
          copyLanes(destination + k * kLanes, masked[k].lanes, exec);
    }
  }
  static void vectors(Wave& wave, const Instruction& i) { direct<false>(wave, i, Indices{}); }
  static void uniformFirst(Wave& wave, const Instruction& i) { direct<true>(wave, i, Indices{}); }

  static constexpr VectorHandlers make(Execute onVectors, Execute onUniformFirst,
                                       const VectorHandlers* saturating = nullptr) {
    VectorHandlers handlers{};
    handlers.general = general;
    handlers.plain = plain;
    handlers.vectors = onVectors;
    handlers.uniformFirst = onUniformFirst;
    handlers.saturating = saturating;
    handlers.sources = kSources;
    handlers.floatResult = kResult.isFloat;
    handlers.resultBits = kCompares ? 1 : kResult.bits;
    handlers.registers[0] = static_cast<uint8_t>(kCompares ? 2 : kResult.registers());
    const ValueKind kinds[] = {Lane<Arguments>::kind...};
    for (int k = 0; k < kSources; k++) {
      handlers.registers[k + 1] = static_cast<uint8_t>(kinds[k].registers());
      if (kinds[k].isFloat) handlers.floatSources |= 1 << k;
    }
    return handlers;
  }
  static constexpr uint8_t bits() {
    const uint8_t kinds[] = {Lane<Arguments>::kind.bits...};
    return kinds[0];
  }
  static constexpr VectorHandlers kShared = make(plain, plain, nullptr);
};

/// Variants with loops of their own, for operations that kernels spend their time in. A uniform first source
/// must be 32 bits wide for that.
template <auto F>
struct HotOperation : Operation<F> {
  using Base = Operation<F>;
  static constexpr VectorHandlers kFast =
      Base::make(Base::vectors, Base::bits() == 32 ? Base::uniformFirst : Base::plain);
};

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
