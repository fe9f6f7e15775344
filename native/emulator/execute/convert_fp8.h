#pragma once

#include "execute/narrow_float8.h"
#include "execute/not_modelled.h"

// Conversions from and to the formats of 8 bits and fewer, and moves between accumulation registers.

namespace emulator {
namespace EMULATOR_LEVEL {

/// Handlers of an operation that `execute` covers with all operands and modifiers.
constexpr VectorHandlers handlersOf(Execute execute, uint8_t sources, uint8_t results) {
  VectorHandlers handlers{};
  handlers.general = handlers.plain = handlers.vectors = handlers.uniformFirst = execute;
  handlers.sources = sources;
  handlers.registers[0] = results;
  for (int i = 1; i <= sources; i++) handlers.registers[i] = 1;
  return handlers;
}

// ---- widening, exact

inline float widenFp8(uint32_t code) { return fp8ToFloat(code); }
inline float widenBf8(uint32_t code) { return bf8ToFloat(code); }
inline float widenFp8Fnuz(uint32_t code) { return fp8FnuzToFloat(code); }
inline float widenBf8Fnuz(uint32_t code) { return bf8FnuzToFloat(code); }
template <float (*kWiden)(uint32_t)>
uint64_t widenPair(uint32_t codes) {
  return bitsOf(kWiden(codes)) | uint64_t{bitsOf(kWiden(codes >> 8))} << 32;
}
inline uint64_t widenPairFp8(uint32_t codes) { return widenPair<fp8ToFloat>(codes); }
inline uint64_t widenPairBf8(uint32_t codes) { return widenPair<bf8ToFloat>(codes); }
inline uint64_t widenPairFp8Fnuz(uint32_t codes) { return widenPair<fp8FnuzToFloat>(codes); }
inline uint64_t widenPairBf8Fnuz(uint32_t codes) { return widenPair<bf8FnuzToFloat>(codes); }

/// v_cvt_f32_fp8 and its kin: SDWA selects the byte or word; op_sel has no documented meaning here.
template <auto kConvert>
struct Widen {
  using Result = decltype(kConvert(0));

  static void execute(Wave& wave, const Instruction& instruction) {
    if (instruction.opSel) return notModelled(wave, instruction);
    LaneBuffer buffer, result[2];
    const uint32_t* source = fetch(wave, instruction, 0, Lane<uint32_t>::kind, &buffer);
    EACH_LANE Lane<Result>::store(result->lanes, lane, kConvert(source[lane]));
    store(wave, instruction, Lane<Result>::kind, result);
  }
  static constexpr VectorHandlers kHandlers = handlersOf(execute, 1, sizeof(Result) / 4);
};

// ---- narrowing: to the half or byte that op_sel names; the rest of the register stays

template <Execute kExecute, uint8_t kSources>
struct Narrow {
  static constexpr VectorHandlers kHandlers = handlersOf(kExecute, kSources, 1);
};
// ---- gfx950's widening with a scale: the value times 2^(exponent of the second source - 127)

enum class Widened { f32, f16, bf16 };

inline uint32_t narrow16(const Wave& wave, Widened type, float value) {
  return type == Widened::f16 ? floatToHalf(value, HalfMode(wave.mode)) : floatToBf16(value);
}

/// Two values of `kBits` each, from the half (8 bits) or byte (4 bits) that op_sel names.
template <Widened kResult, int kBits, float (*kWiden)(uint32_t)>
struct ScaledPair {
  static void execute(Wave& wave, const Instruction& instruction) {
    LaneBuffer buffers[2], result[2];
    const uint32_t* source = fetch(wave, instruction, 0, Lane<uint32_t>::kind, &buffers[0]);
    const uint32_t* scale = fetch(wave, instruction, 1, Lane<uint32_t>::kind, &buffers[1]);
    const int shift = 2 * kBits * (instruction.opSel & (kBits == 8 ? 1 : 3));
    constexpr uint32_t kMask = (1u << kBits) - 1;
    for (int lane = 0; lane < kLanes; lane++) {
      const float factor = scaleOf(scale[lane]);
      const float low = kWiden(source[lane] >> shift & kMask) * factor;
      const float high = kWiden(source[lane] >> (shift + kBits) & kMask) * factor;
      if constexpr (kResult == Widened::f32) {
        result[0].lanes[lane] = bitsOf(low);
        result[1].lanes[lane] = bitsOf(high);
      } else {
        result[0].lanes[lane] = narrow16(wave, kResult, low) | narrow16(wave, kResult, high) << 16;
      }
    }
    store(wave, instruction, kResult == Widened::f32 ? Lane<uint64_t>::kind : Lane<uint32_t>::kind, result);
  }
  static constexpr VectorHandlers kHandlers = handlersOf(execute, 2, kResult == Widened::f32 ? 2 : 1);
};

/// One value, from the byte that op_sel names; 16-bit results go to the half that its last bit names.
template <Widened kResult, float (*kWiden)(uint32_t)>
struct ScaledOne {
  static void execute(Wave& wave, const Instruction& instruction) {
    LaneBuffer buffers[2], result;
    const uint32_t* source = fetch(wave, instruction, 0, Lane<uint32_t>::kind, &buffers[0]);
    const uint32_t* scale = fetch(wave, instruction, 1, Lane<uint32_t>::kind, &buffers[1]);
    uint32_t* to = registers(wave, instruction.destination)[0];
    const int shift = 8 * (instruction.opSel & 3), resultShift = instruction.opSel & kHighResult ? 16 : 0;
    for (int lane = 0; lane < kLanes; lane++) {
      const float value = kWiden(source[lane] >> shift & 255) * scaleOf(scale[lane]);
      result.lanes[lane] = kResult == Widened::f32 ? bitsOf(value)
                                                   : (to[lane] & ~(0xffffu << resultShift)) |
                                                         narrow16(wave, kResult, value) << resultShift;
    }
    copyLanes(to, result.lanes, writtenLanes(wave, instruction));
  }
  static constexpr VectorHandlers kHandlers = handlersOf(execute, 2, 1);
};

/// v_accvgpr_mov_b32.
inline void accumulationMove(Wave& wave, const Instruction& instruction) {
  copyLanes(wave.vector[instruction.destination], wave.vector[instruction.source[0].code], wave.exec());
}
struct AccumulationMove {
  static constexpr VectorHandlers kHandlers = handlersOf(accumulationMove, 1, 1);
};

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
