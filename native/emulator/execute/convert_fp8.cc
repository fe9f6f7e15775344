#include "execute/matrix.h"
#include "execute/narrow_float8.h"
#include "isa/decoder.h"

// Conversions from and to the formats of 8 bits and fewer, and moves between accumulation registers.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

constexpr ValueKind kWord = Lane<uint32_t>::kind;

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

float widenFp8(uint32_t code) { return fp8ToFloat(code); }
float widenBf8(uint32_t code) { return bf8ToFloat(code); }
float widenFp8Fnuz(uint32_t code) { return fp8FnuzToFloat(code); }
float widenBf8Fnuz(uint32_t code) { return bf8FnuzToFloat(code); }
template <float (*kWiden)(uint32_t)>
uint64_t widenPair(uint32_t codes) {
  return bitsOf(kWiden(codes)) | uint64_t{bitsOf(kWiden(codes >> 8))} << 32;
}
uint64_t widenPairFp8(uint32_t codes) { return widenPair<fp8ToFloat>(codes); }
uint64_t widenPairBf8(uint32_t codes) { return widenPair<bf8ToFloat>(codes); }
uint64_t widenPairFp8Fnuz(uint32_t codes) { return widenPair<fp8FnuzToFloat>(codes); }
uint64_t widenPairBf8Fnuz(uint32_t codes) { return widenPair<bf8FnuzToFloat>(codes); }

/// v_cvt_f32_fp8 and its kin: SDWA selects the byte or word; op_sel has no documented meaning here.
template <auto kConvert>
struct Widen {
  using Result = decltype(kConvert(0));

  static void execute(Wave& wave, const Instruction& instruction) {
    if (instruction.opSel) return notModelled(wave, instruction);
    LaneBuffer buffer, result[2];
    const uint32_t* source = fetch(wave, instruction, 0, kWord, &buffer);
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
template <Execute kExecute, uint8_t kSources>
constexpr Opcode narrowing(const char* mnemonic) {
  return {mnemonic, InstructionClass::vector, 32, kExecute, &Narrow<kExecute, kSources>::kHandlers};
}

// ---- gfx950's widening with a scale: the value times 2^(exponent of the second source - 127)

enum class Result { f32, f16, bf16 };

uint32_t narrow16(const Wave& wave, Result type, float value) {
  return type == Result::f16 ? floatToHalf(value, HalfMode(wave.mode)) : floatToBf16(value);
}

/// Two values of `kBits` each, from the half (8 bits) or byte (4 bits) that op_sel names.
template <Result kResult, int kBits, float (*kWiden)(uint32_t)>
struct ScaledPair {
  static void execute(Wave& wave, const Instruction& instruction) {
    LaneBuffer buffers[2], result[2];
    const uint32_t* source = fetch(wave, instruction, 0, kWord, &buffers[0]);
    const uint32_t* scale = fetch(wave, instruction, 1, kWord, &buffers[1]);
    const int shift = 2 * kBits * (instruction.opSel & (kBits == 8 ? 1 : 3));
    constexpr uint32_t kMask = (1u << kBits) - 1;
    for (int lane = 0; lane < kLanes; lane++) {
      const float factor = scaleOf(scale[lane]);
      const float low = kWiden(source[lane] >> shift & kMask) * factor;
      const float high = kWiden(source[lane] >> (shift + kBits) & kMask) * factor;
      if constexpr (kResult == Result::f32) {
        result[0].lanes[lane] = bitsOf(low);
        result[1].lanes[lane] = bitsOf(high);
      } else {
        result[0].lanes[lane] = narrow16(wave, kResult, low) | narrow16(wave, kResult, high) << 16;
      }
    }
    store(wave, instruction, kResult == Result::f32 ? Lane<uint64_t>::kind : kWord, result);
  }
  static constexpr VectorHandlers kHandlers = handlersOf(execute, 2, kResult == Result::f32 ? 2 : 1);
};

/// One value, from the byte that op_sel names; 16-bit results go to the half that its last bit names.
template <Result kResult, float (*kWiden)(uint32_t)>
struct ScaledOne {
  static void execute(Wave& wave, const Instruction& instruction) {
    LaneBuffer buffers[2], result;
    const uint32_t* source = fetch(wave, instruction, 0, kWord, &buffers[0]);
    const uint32_t* scale = fetch(wave, instruction, 1, kWord, &buffers[1]);
    uint32_t* to = registers(wave, instruction.destination)[0];
    const int shift = 8 * (instruction.opSel & 3), resultShift = instruction.opSel & kHighResult ? 16 : 0;
    for (int lane = 0; lane < kLanes; lane++) {
      const float value = kWiden(source[lane] >> shift & 255) * scaleOf(scale[lane]);
      result.lanes[lane] = kResult == Result::f32 ? bitsOf(value)
                                                  : (to[lane] & ~(0xffffu << resultShift)) |
                                                        narrow16(wave, kResult, value) << resultShift;
    }
    copyLanes(to, result.lanes, writtenLanes(wave, instruction));
  }
  static constexpr VectorHandlers kHandlers = handlersOf(execute, 2, 1);
};

void accumulationMove(Wave& wave, const Instruction& instruction) {
  copyLanes(wave.vector[instruction.destination], wave.vector[instruction.source[0].code], wave.exec());
}
constexpr VectorHandlers kMoveHandlers = handlersOf(accumulationMove, 1, 1);

struct ConvertOpcode {
  Format format;
  uint16_t code;
  Opcode opcode;
  Targets targets;
};

// clang-format off
const ConvertOpcode kConvert[] = {
    {Format::vop1, 82, {"v_accvgpr_mov_b32", InstructionClass::vector, 32, accumulationMove, &kMoveHandlers}, kAllTargets},
    {Format::vop1, 84, {"v_cvt_f32_fp8", InstructionClass::vector, 32, Widen<widenFp8Fnuz>::execute, &Widen<widenFp8Fnuz>::kHandlers}, kGfx942},
    {Format::vop1, 84, {"v_cvt_f32_fp8", InstructionClass::vector, 32, Widen<widenFp8>::execute, &Widen<widenFp8>::kHandlers}, kGfx950},
    {Format::vop1, 85, {"v_cvt_f32_bf8", InstructionClass::vector, 32, Widen<widenBf8Fnuz>::execute, &Widen<widenBf8Fnuz>::kHandlers}, kGfx942},
    {Format::vop1, 85, {"v_cvt_f32_bf8", InstructionClass::vector, 32, Widen<widenBf8>::execute, &Widen<widenBf8>::kHandlers}, kGfx950},
    {Format::vop1, 86, {"v_cvt_pk_f32_fp8", InstructionClass::vector, 32, Widen<widenPairFp8Fnuz>::execute, &Widen<widenPairFp8Fnuz>::kHandlers}, kGfx942},
    {Format::vop1, 86, {"v_cvt_pk_f32_fp8", InstructionClass::vector, 32, Widen<widenPairFp8>::execute, &Widen<widenPairFp8>::kHandlers}, kGfx950},
    {Format::vop1, 87, {"v_cvt_pk_f32_bf8", InstructionClass::vector, 32, Widen<widenPairBf8Fnuz>::execute, &Widen<widenPairBf8Fnuz>::kHandlers}, kGfx942},
    {Format::vop1, 87, {"v_cvt_pk_f32_bf8", InstructionClass::vector, 32, Widen<widenPairBf8>::execute, &Widen<widenPairBf8>::kHandlers}, kGfx950},
    {Format::vop3, 404, {"v_cvt_f32_fp8", InstructionClass::vector, 32, Widen<widenFp8Fnuz>::execute, &Widen<widenFp8Fnuz>::kHandlers}, kGfx942},
    {Format::vop3, 404, {"v_cvt_f32_fp8", InstructionClass::vector, 32, Widen<widenFp8>::execute, &Widen<widenFp8>::kHandlers}, kGfx950},
    {Format::vop3, 405, {"v_cvt_f32_bf8", InstructionClass::vector, 32, Widen<widenBf8Fnuz>::execute, &Widen<widenBf8Fnuz>::kHandlers}, kGfx942},
    {Format::vop3, 405, {"v_cvt_f32_bf8", InstructionClass::vector, 32, Widen<widenBf8>::execute, &Widen<widenBf8>::kHandlers}, kGfx950},
    {Format::vop3, 406, {"v_cvt_pk_f32_fp8", InstructionClass::vector, 32, Widen<widenPairFp8Fnuz>::execute, &Widen<widenPairFp8Fnuz>::kHandlers}, kGfx942},
    {Format::vop3, 406, {"v_cvt_pk_f32_fp8", InstructionClass::vector, 32, Widen<widenPairFp8>::execute, &Widen<widenPairFp8>::kHandlers}, kGfx950},
    {Format::vop3, 407, {"v_cvt_pk_f32_bf8", InstructionClass::vector, 32, Widen<widenPairBf8Fnuz>::execute, &Widen<widenPairBf8Fnuz>::kHandlers}, kGfx942},
    {Format::vop3, 407, {"v_cvt_pk_f32_bf8", InstructionClass::vector, 32, Widen<widenPairBf8>::execute, &Widen<widenPairBf8>::kHandlers}, kGfx950},
    {Format::vop3, 674, narrowing<narrowFloats<Fp8Fnuz, false>, 2>("v_cvt_pk_fp8_f32"), kGfx942},
    {Format::vop3, 674, narrowing<narrowFloats<Fp8, false>, 2>("v_cvt_pk_fp8_f32"), kGfx950},
    {Format::vop3, 676, {"v_cvt_sr_fp8_f32", InstructionClass::vector, 32, notModelled, nullptr}, kGfx94x},
    {Format::vop3, 675, narrowing<narrowFloats<Bf8Fnuz, false>, 2>("v_cvt_pk_bf8_f32"), kGfx942},
    {Format::vop3, 675, narrowing<narrowFloats<Bf8, false>, 2>("v_cvt_pk_bf8_f32"), kGfx950},
    {Format::vop3, 677, {"v_cvt_sr_bf8_f32", InstructionClass::vector, 32, notModelled, nullptr}, kGfx94x},
    {Format::vop3, 565, narrowing<narrowFloats<Fp8, true>, 3>("v_cvt_scalef32_pk_fp8_f32"), kGfx950},
    {Format::vop3, 566, narrowing<narrowFloats<Bf8, true>, 3>("v_cvt_scalef32_pk_bf8_f32"), kGfx950},
    {Format::vop3, 567, {"v_cvt_scalef32_sr_fp8_f32", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 568, {"v_cvt_scalef32_sr_bf8_f32", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 569, {"v_cvt_scalef32_pk_f32_fp8", InstructionClass::vector, 32, ScaledPair<Result::f32, 8, fp8ToFloat>::execute, &ScaledPair<Result::f32, 8, fp8ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 570, {"v_cvt_scalef32_pk_f32_bf8", InstructionClass::vector, 32, ScaledPair<Result::f32, 8, bf8ToFloat>::execute, &ScaledPair<Result::f32, 8, bf8ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 571, {"v_cvt_scalef32_f32_fp8", InstructionClass::vector, 32, ScaledOne<Result::f32, fp8ToFloat>::execute, &ScaledOne<Result::f32, fp8ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 572, {"v_cvt_scalef32_f32_bf8", InstructionClass::vector, 32, ScaledOne<Result::f32, bf8ToFloat>::execute, &ScaledOne<Result::f32, bf8ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 573, narrowing<narrowFloats<Fp4, true>, 3>("v_cvt_scalef32_pk_fp4_f32"), kGfx950},
    {Format::vop3, 574, {"v_cvt_scalef32_sr_pk_fp4_f32", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 575, {"v_cvt_scalef32_pk_f32_fp4", InstructionClass::vector, 32, ScaledPair<Result::f32, 4, fp4ToFloat>::execute, &ScaledPair<Result::f32, 4, fp4ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 576, narrowing<narrowHalves<Fp8, halfToFloat>, 2>("v_cvt_scalef32_pk_fp8_f16"), kGfx950},
    {Format::vop3, 577, narrowing<narrowHalves<Bf8, halfToFloat>, 2>("v_cvt_scalef32_pk_bf8_f16"), kGfx950},
    {Format::vop3, 578, {"v_cvt_scalef32_sr_fp8_f16", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 579, {"v_cvt_scalef32_sr_bf8_f16", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 580, narrowing<narrowHalves<Fp8, bf16ToFloat>, 2>("v_cvt_scalef32_pk_fp8_bf16"), kGfx950},
    {Format::vop3, 581, narrowing<narrowHalves<Bf8, bf16ToFloat>, 2>("v_cvt_scalef32_pk_bf8_bf16"), kGfx950},
    {Format::vop3, 582, {"v_cvt_scalef32_sr_fp8_bf16", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 583, {"v_cvt_scalef32_sr_bf8_bf16", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 584, {"v_cvt_scalef32_pk_f16_fp8", InstructionClass::vector, 32, ScaledPair<Result::f16, 8, fp8ToFloat>::execute, &ScaledPair<Result::f16, 8, fp8ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 585, {"v_cvt_scalef32_pk_f16_bf8", InstructionClass::vector, 32, ScaledPair<Result::f16, 8, bf8ToFloat>::execute, &ScaledPair<Result::f16, 8, bf8ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 586, {"v_cvt_scalef32_f16_fp8", InstructionClass::vector, 32, ScaledOne<Result::f16, fp8ToFloat>::execute, &ScaledOne<Result::f16, fp8ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 587, {"v_cvt_scalef32_f16_bf8", InstructionClass::vector, 32, ScaledOne<Result::f16, bf8ToFloat>::execute, &ScaledOne<Result::f16, bf8ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 588, narrowing<narrowHalves<Fp4, halfToFloat>, 2>("v_cvt_scalef32_pk_fp4_f16"), kGfx950},
    {Format::vop3, 589, narrowing<narrowHalves<Fp4, bf16ToFloat>, 2>("v_cvt_scalef32_pk_fp4_bf16"), kGfx950},
    {Format::vop3, 590, {"v_cvt_scalef32_sr_pk_fp4_f16", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 591, {"v_cvt_scalef32_sr_pk_fp4_bf16", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 592, {"v_cvt_scalef32_pk_f16_fp4", InstructionClass::vector, 32, ScaledPair<Result::f16, 4, fp4ToFloat>::execute, &ScaledPair<Result::f16, 4, fp4ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 593, {"v_cvt_scalef32_pk_bf16_fp4", InstructionClass::vector, 32, ScaledPair<Result::bf16, 4, fp4ToFloat>::execute, &ScaledPair<Result::bf16, 4, fp4ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 594, {"v_cvt_scalef32_2xpk16_fp6_f32", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 595, {"v_cvt_scalef32_2xpk16_bf6_f32", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 596, {"v_cvt_scalef32_sr_pk32_fp6_f32", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 597, {"v_cvt_scalef32_sr_pk32_bf6_f32", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 598, {"v_cvt_scalef32_pk32_f32_fp6", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 599, {"v_cvt_scalef32_pk32_f32_bf6", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 600, {"v_cvt_scalef32_pk32_fp6_f16", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 601, {"v_cvt_scalef32_pk32_fp6_bf16", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 602, {"v_cvt_scalef32_pk32_bf6_f16", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 603, {"v_cvt_scalef32_pk32_bf6_bf16", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 604, {"v_cvt_scalef32_sr_pk32_fp6_f16", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 605, {"v_cvt_scalef32_sr_pk32_fp6_bf16", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 606, {"v_cvt_scalef32_sr_pk32_bf6_f16", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 607, {"v_cvt_scalef32_sr_pk32_bf6_bf16", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 608, {"v_cvt_scalef32_pk32_f16_fp6", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 609, {"v_cvt_scalef32_pk32_bf16_fp6", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 610, {"v_cvt_scalef32_pk32_f16_bf6", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 611, {"v_cvt_scalef32_pk32_bf16_bf6", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 617, {"v_cvt_scalef32_pk_bf16_fp8", InstructionClass::vector, 32, ScaledPair<Result::bf16, 8, fp8ToFloat>::execute, &ScaledPair<Result::bf16, 8, fp8ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 618, {"v_cvt_scalef32_pk_bf16_bf8", InstructionClass::vector, 32, ScaledPair<Result::bf16, 8, bf8ToFloat>::execute, &ScaledPair<Result::bf16, 8, bf8ToFloat>::kHandlers}, kGfx950},
};
// clang-format on

}  // namespace

const Opcode* convertOpcode(Target target, Format format, unsigned opcode) {
  for (const ConvertOpcode& row : kConvert) {
    if (row.format == format && row.code == opcode && has(row.targets, target)) return &row.opcode;
  }
  return nullptr;
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
