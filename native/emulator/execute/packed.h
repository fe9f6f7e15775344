#pragma once

#include <type_traits>
#include <utility>

#include "execute/float_mode.h"
#include "execute/vector_operation.h"

// VOP3P: operations on both halves of registers (or, for v_pk_*_f32, on both registers of a pair). op_sel and
// op_sel_hi choose the half of each source that the low and the high result take, neg and neg_hi negate it.
// Operand::negate is the low half's neg, Operand::absolute the high half's.

namespace emulator {
namespace EMULATOR_LEVEL {

/// How one half of a result reads source `index`.
struct HalfSelect {
  uint32_t shift, flip;
  HalfSelect(const Instruction& i, int index, bool high) {
    const int select = high ? i.opSelHi : i.opSel;
    shift = select >> index & 1 ? 16 : 0;
    flip = (high ? i.source[index].absolute : i.source[index].negate) ? 0x8000 : 0;
  }
  uint32_t operator()(uint32_t value) const { return (value >> shift & 0xffff) ^ flip; }
};

/// The kind that constants are read as: 16-bit floats have their own, integers are the 32-bit constants.
template <class T>
constexpr ValueKind packedConstants() {
  return std::is_same_v<T, F16> ? Lane<F16>::kind : Lane<uint32_t>::kind;
}

template <auto F, class Signature = decltype(F)>
struct Packed;

/// F works on one half: Result and Arguments are uint16_t, int16_t or F16.
template <auto F, class Result, class... Arguments>
struct Packed<F, Result (*)(Arguments...)> {
  static constexpr int kSources = sizeof...(Arguments);
  using Indices = std::index_sequence_for<Arguments...>;

  static constexpr bool kFloat = std::is_same_v<Result, F16>;

  /// `kByMode`: MODE says something unusual of 16-bit floats.
  template <class T, bool kByMode>
  static T half(uint32_t bits, HalfMode mode) {
    const T value = Lane<T>::load(&bits, 0);
    if constexpr (kByMode)
      return mode.keepsSources ? value : flush(value);
    else
      return value;
  }
  template <bool kByMode>
  static uint32_t stored(Result value, bool clamp, bool keepsNan, HalfMode mode) {
    uint32_t bits;
    if constexpr (kFloat)
      if (clamp) value.value = clampToUnit(value.value, keepsNan);
    if constexpr (kByMode)
      bits = floatToHalf(value.value, mode);
    else
      Lane<Result>::store(&bits, 0, value);
    return bits & 0xffff;
  }

  template <bool kByMode, size_t... K>
  static void run(Wave& wave, const Instruction& i, std::index_sequence<K...>) {
    const HalfMode mode(wave.mode);
    LaneBuffer buffers[kSources], result;
    const uint32_t* const s[] = {fetchPlain(wave, i, K, packedConstants<Arguments>(), &buffers[K])...};
    const HalfSelect low[] = {HalfSelect(i, K, false)...}, high[] = {HalfSelect(i, K, true)...};
    const bool clamp = i.clamp, keepsNan = clampKeepsNan(wave);
    uint32_t* destination = wave.vector[i.destination - 256];
    EACH_LANE {
      const Result lowResult = F(half<Arguments, kByMode>(low[K](s[K][lane]), mode)...);
      const Result highResult = F(half<Arguments, kByMode>(high[K](s[K][lane]), mode)...);
      result.lanes[lane] = stored<kByMode>(lowResult, clamp, keepsNan, mode) |
                           stored<kByMode>(highResult, clamp, keepsNan, mode) << 16;
    }
    copyLanes(destination, result.lanes, wave.exec());
  }
  static void execute(Wave& wave, const Instruction& i) {
    if constexpr (kFloat) {
      if (!HalfMode::isUsual(wave.mode)) {
        const ScopedMxcsr floatMode(mxcsr64(wave.mode));
        return run<true>(wave, i, Indices{});
      }
    }
    run<false>(wave, i, Indices{});
  }
  static constexpr VectorHandlers make(const VectorHandlers* saturating = nullptr) {
    return {execute, execute, execute,     execute, saturating, kSources, std::is_same_v<Result, F16>,
            7,       0,       {1, 1, 1, 1}};
  }
  static constexpr VectorHandlers kShared = make(nullptr);
};

template <auto F, class Signature = decltype(F)>
struct PackedSingle;

/// F works on binary32 values, in pairs of registers.
template <auto F, class... Arguments>
struct PackedSingle<F, float (*)(Arguments...)> {
  static constexpr int kSources = sizeof...(Arguments);
  using Indices = std::index_sequence_for<Arguments...>;

  /// The lanes of the register of source `index` that the low or high result takes. Constants are the same
  /// for both.
  static const uint32_t* source(const Wave& wave, const Instruction& i, int index, bool high,
                                LaneBuffer* buffer) {
    const Operand& operand = i.source[index];
    const int select = (high ? i.opSelHi : i.opSel) >> index & 1;
    const uint32_t sign = (high ? operand.absolute : operand.negate) ? 0x80000000 : 0;
    if (!operand.isVector()) {
      const bool pair = operand.code < reg::inlineIntegers;
      const uint32_t value = pair ? wave.scalar[operand.code + select] : uniform32(wave, operand, i.literal);
      fill(buffer->lanes, value ^ sign);
      return buffer->lanes;
    }
    const uint32_t* lanes = wave.vector[operand.vectorIndex() + select];
    if (!sign) return lanes;
    EACH_LANE buffer->lanes[lane] = lanes[lane] ^ sign;
    return buffer->lanes;
  }

  template <size_t... K>
  static void half(Wave& wave, const Instruction& i, bool high, uint32_t* result, std::index_sequence<K...>) {
    LaneBuffer buffers[kSources];
    const uint32_t* const s[] = {
        static_cast<const uint32_t*>(__builtin_assume_aligned(source(wave, i, K, high, &buffers[K]), 64))...};
    EACH_LANE result[lane] = bitsOf(F(floatOf(s[K][lane])...));
    if (!i.clamp) return;
    const bool keepsNan = clampKeepsNan(wave);
    EACH_LANE result[lane] = bitsOf(clampToUnit(floatOf(result[lane]), keepsNan));
  }
  static void execute(Wave& wave, const Instruction& i) {
    // Both halves are read before either is written.
    LaneBuffer low;
    const uint64_t exec = wave.exec();
    uint32_t(*destination)[kLanes] = &wave.vector[i.destination - 256];
    half(wave, i, false, low.lanes, Indices{});
    if (exec == kAllLanes) {
      half(wave, i, true, destination[1], Indices{});
      std::memcpy(destination[0], low.lanes, sizeof low);
      return;
    }
    LaneBuffer high;
    half(wave, i, true, high.lanes, Indices{});
    copyLanes(destination[0], low.lanes, exec);
    copyLanes(destination[1], high.lanes, exec);
  }
  static constexpr VectorHandlers kShared{execute,  execute, execute, execute, nullptr,
                                          kSources, true,    7,       0,       {2, 2, 2, 2}};
};

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
