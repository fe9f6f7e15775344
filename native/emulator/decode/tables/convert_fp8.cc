#include "execute/convert_fp8.h"
#include "decode/decoder.h"
#include "isa/fields.h"

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

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
    {Format::vop3, 569, {"v_cvt_scalef32_pk_f32_fp8", InstructionClass::vector, 32, ScaledPair<Widened::f32, 8, fp8ToFloat>::execute, &ScaledPair<Widened::f32, 8, fp8ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 570, {"v_cvt_scalef32_pk_f32_bf8", InstructionClass::vector, 32, ScaledPair<Widened::f32, 8, bf8ToFloat>::execute, &ScaledPair<Widened::f32, 8, bf8ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 571, {"v_cvt_scalef32_f32_fp8", InstructionClass::vector, 32, ScaledOne<Widened::f32, fp8ToFloat>::execute, &ScaledOne<Widened::f32, fp8ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 572, {"v_cvt_scalef32_f32_bf8", InstructionClass::vector, 32, ScaledOne<Widened::f32, bf8ToFloat>::execute, &ScaledOne<Widened::f32, bf8ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 573, narrowing<narrowFloats<Fp4, true>, 3>("v_cvt_scalef32_pk_fp4_f32"), kGfx950},
    {Format::vop3, 574, {"v_cvt_scalef32_sr_pk_fp4_f32", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 575, {"v_cvt_scalef32_pk_f32_fp4", InstructionClass::vector, 32, ScaledPair<Widened::f32, 4, fp4ToFloat>::execute, &ScaledPair<Widened::f32, 4, fp4ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 576, narrowing<narrowHalves<Fp8, halfToFloat>, 2>("v_cvt_scalef32_pk_fp8_f16"), kGfx950},
    {Format::vop3, 577, narrowing<narrowHalves<Bf8, halfToFloat>, 2>("v_cvt_scalef32_pk_bf8_f16"), kGfx950},
    {Format::vop3, 578, {"v_cvt_scalef32_sr_fp8_f16", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 579, {"v_cvt_scalef32_sr_bf8_f16", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 580, narrowing<narrowHalves<Fp8, bf16ToFloat>, 2>("v_cvt_scalef32_pk_fp8_bf16"), kGfx950},
    {Format::vop3, 581, narrowing<narrowHalves<Bf8, bf16ToFloat>, 2>("v_cvt_scalef32_pk_bf8_bf16"), kGfx950},
    {Format::vop3, 582, {"v_cvt_scalef32_sr_fp8_bf16", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 583, {"v_cvt_scalef32_sr_bf8_bf16", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 584, {"v_cvt_scalef32_pk_f16_fp8", InstructionClass::vector, 32, ScaledPair<Widened::f16, 8, fp8ToFloat>::execute, &ScaledPair<Widened::f16, 8, fp8ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 585, {"v_cvt_scalef32_pk_f16_bf8", InstructionClass::vector, 32, ScaledPair<Widened::f16, 8, bf8ToFloat>::execute, &ScaledPair<Widened::f16, 8, bf8ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 586, {"v_cvt_scalef32_f16_fp8", InstructionClass::vector, 32, ScaledOne<Widened::f16, fp8ToFloat>::execute, &ScaledOne<Widened::f16, fp8ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 587, {"v_cvt_scalef32_f16_bf8", InstructionClass::vector, 32, ScaledOne<Widened::f16, bf8ToFloat>::execute, &ScaledOne<Widened::f16, bf8ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 588, narrowing<narrowHalves<Fp4, halfToFloat>, 2>("v_cvt_scalef32_pk_fp4_f16"), kGfx950},
    {Format::vop3, 589, narrowing<narrowHalves<Fp4, bf16ToFloat>, 2>("v_cvt_scalef32_pk_fp4_bf16"), kGfx950},
    {Format::vop3, 590, {"v_cvt_scalef32_sr_pk_fp4_f16", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 591, {"v_cvt_scalef32_sr_pk_fp4_bf16", InstructionClass::vector, 32, notModelled, nullptr}, kGfx950},
    {Format::vop3, 592, {"v_cvt_scalef32_pk_f16_fp4", InstructionClass::vector, 32, ScaledPair<Widened::f16, 4, fp4ToFloat>::execute, &ScaledPair<Widened::f16, 4, fp4ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 593, {"v_cvt_scalef32_pk_bf16_fp4", InstructionClass::vector, 32, ScaledPair<Widened::bf16, 4, fp4ToFloat>::execute, &ScaledPair<Widened::bf16, 4, fp4ToFloat>::kHandlers}, kGfx950},
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
    {Format::vop3, 617, {"v_cvt_scalef32_pk_bf16_fp8", InstructionClass::vector, 32, ScaledPair<Widened::bf16, 8, fp8ToFloat>::execute, &ScaledPair<Widened::bf16, 8, fp8ToFloat>::kHandlers}, kGfx950},
    {Format::vop3, 618, {"v_cvt_scalef32_pk_bf16_bf8", InstructionClass::vector, 32, ScaledPair<Widened::bf16, 8, bf8ToFloat>::execute, &ScaledPair<Widened::bf16, 8, bf8ToFloat>::kHandlers}, kGfx950},
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
