#include "execute/convert_fp8.h"
#include "decode/tables/rows.h"

// Conversions from and to formats of 8 bits and fewer, and moves between accumulation registers. They see to
// op_sel themselves.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

constexpr Row unmodelled(uint16_t opcode, const char* mnemonic, Targets targets) {
  return row(opcode, mnemonic, InstructionClass::vector, notModelled, targets);
}

constexpr Row kShort[] = {
    custom<AccumulationMove>(82, "v_accvgpr_mov_b32"),
    custom<Widen<widenFp8Fnuz>>(84, "v_cvt_f32_fp8", kGfx942),
    custom<Widen<widenFp8>>(84, "v_cvt_f32_fp8", kGfx950),
    custom<Widen<widenBf8Fnuz>>(85, "v_cvt_f32_bf8", kGfx942),
    custom<Widen<widenBf8>>(85, "v_cvt_f32_bf8", kGfx950),
    custom<Widen<widenPairFp8Fnuz>>(86, "v_cvt_pk_f32_fp8", kGfx942),
    custom<Widen<widenPairFp8>>(86, "v_cvt_pk_f32_fp8", kGfx950),
    custom<Widen<widenPairBf8Fnuz>>(87, "v_cvt_pk_f32_bf8", kGfx942),
    custom<Widen<widenPairBf8>>(87, "v_cvt_pk_f32_bf8", kGfx950),
};

constexpr Row kLong[] = {
    custom<Narrow<narrowFloats<Fp8Fnuz, false>, 2>>(674, "v_cvt_pk_fp8_f32", kGfx942),
    custom<Narrow<narrowFloats<Fp8, false>, 2>>(674, "v_cvt_pk_fp8_f32", kGfx950),
    unmodelled(676, "v_cvt_sr_fp8_f32", kGfx94x),
    custom<Narrow<narrowFloats<Bf8Fnuz, false>, 2>>(675, "v_cvt_pk_bf8_f32", kGfx942),
    custom<Narrow<narrowFloats<Bf8, false>, 2>>(675, "v_cvt_pk_bf8_f32", kGfx950),
    unmodelled(677, "v_cvt_sr_bf8_f32", kGfx94x),
    custom<Narrow<narrowFloats<Fp8, true>, 3>>(565, "v_cvt_scalef32_pk_fp8_f32", kGfx950),
    custom<Narrow<narrowFloats<Bf8, true>, 3>>(566, "v_cvt_scalef32_pk_bf8_f32", kGfx950),
    unmodelled(567, "v_cvt_scalef32_sr_fp8_f32", kGfx950),
    unmodelled(568, "v_cvt_scalef32_sr_bf8_f32", kGfx950),
    custom<ScaledPair<Widened::f32, 8, fp8ToFloat>>(569, "v_cvt_scalef32_pk_f32_fp8", kGfx950),
    custom<ScaledPair<Widened::f32, 8, bf8ToFloat>>(570, "v_cvt_scalef32_pk_f32_bf8", kGfx950),
    custom<ScaledOne<Widened::f32, fp8ToFloat>>(571, "v_cvt_scalef32_f32_fp8", kGfx950),
    custom<ScaledOne<Widened::f32, bf8ToFloat>>(572, "v_cvt_scalef32_f32_bf8", kGfx950),
    custom<Narrow<narrowFloats<Fp4, true>, 3>>(573, "v_cvt_scalef32_pk_fp4_f32", kGfx950),
    unmodelled(574, "v_cvt_scalef32_sr_pk_fp4_f32", kGfx950),
    custom<ScaledPair<Widened::f32, 4, fp4ToFloat>>(575, "v_cvt_scalef32_pk_f32_fp4", kGfx950),
    custom<Narrow<narrowHalves<Fp8, halfToFloat>, 2>>(576, "v_cvt_scalef32_pk_fp8_f16", kGfx950),
    custom<Narrow<narrowHalves<Bf8, halfToFloat>, 2>>(577, "v_cvt_scalef32_pk_bf8_f16", kGfx950),
    unmodelled(578, "v_cvt_scalef32_sr_fp8_f16", kGfx950),
    unmodelled(579, "v_cvt_scalef32_sr_bf8_f16", kGfx950),
    custom<Narrow<narrowHalves<Fp8, bf16ToFloat>, 2>>(580, "v_cvt_scalef32_pk_fp8_bf16", kGfx950),
    custom<Narrow<narrowHalves<Bf8, bf16ToFloat>, 2>>(581, "v_cvt_scalef32_pk_bf8_bf16", kGfx950),
    unmodelled(582, "v_cvt_scalef32_sr_fp8_bf16", kGfx950),
    unmodelled(583, "v_cvt_scalef32_sr_bf8_bf16", kGfx950),
    custom<ScaledPair<Widened::f16, 8, fp8ToFloat>>(584, "v_cvt_scalef32_pk_f16_fp8", kGfx950),
    custom<ScaledPair<Widened::f16, 8, bf8ToFloat>>(585, "v_cvt_scalef32_pk_f16_bf8", kGfx950),
    custom<ScaledOne<Widened::f16, fp8ToFloat>>(586, "v_cvt_scalef32_f16_fp8", kGfx950),
    custom<ScaledOne<Widened::f16, bf8ToFloat>>(587, "v_cvt_scalef32_f16_bf8", kGfx950),
    custom<Narrow<narrowHalves<Fp4, halfToFloat>, 2>>(588, "v_cvt_scalef32_pk_fp4_f16", kGfx950),
    custom<Narrow<narrowHalves<Fp4, bf16ToFloat>, 2>>(589, "v_cvt_scalef32_pk_fp4_bf16", kGfx950),
    unmodelled(590, "v_cvt_scalef32_sr_pk_fp4_f16", kGfx950),
    unmodelled(591, "v_cvt_scalef32_sr_pk_fp4_bf16", kGfx950),
    custom<ScaledPair<Widened::f16, 4, fp4ToFloat>>(592, "v_cvt_scalef32_pk_f16_fp4", kGfx950),
    custom<ScaledPair<Widened::bf16, 4, fp4ToFloat>>(593, "v_cvt_scalef32_pk_bf16_fp4", kGfx950),
    unmodelled(594, "v_cvt_scalef32_2xpk16_fp6_f32", kGfx950),
    unmodelled(595, "v_cvt_scalef32_2xpk16_bf6_f32", kGfx950),
    unmodelled(596, "v_cvt_scalef32_sr_pk32_fp6_f32", kGfx950),
    unmodelled(597, "v_cvt_scalef32_sr_pk32_bf6_f32", kGfx950),
    unmodelled(598, "v_cvt_scalef32_pk32_f32_fp6", kGfx950),
    unmodelled(599, "v_cvt_scalef32_pk32_f32_bf6", kGfx950),
    unmodelled(600, "v_cvt_scalef32_pk32_fp6_f16", kGfx950),
    unmodelled(601, "v_cvt_scalef32_pk32_fp6_bf16", kGfx950),
    unmodelled(602, "v_cvt_scalef32_pk32_bf6_f16", kGfx950),
    unmodelled(603, "v_cvt_scalef32_pk32_bf6_bf16", kGfx950),
    unmodelled(604, "v_cvt_scalef32_sr_pk32_fp6_f16", kGfx950),
    unmodelled(605, "v_cvt_scalef32_sr_pk32_fp6_bf16", kGfx950),
    unmodelled(606, "v_cvt_scalef32_sr_pk32_bf6_f16", kGfx950),
    unmodelled(607, "v_cvt_scalef32_sr_pk32_bf6_bf16", kGfx950),
    unmodelled(608, "v_cvt_scalef32_pk32_f16_fp6", kGfx950),
    unmodelled(609, "v_cvt_scalef32_pk32_bf16_fp6", kGfx950),
    unmodelled(610, "v_cvt_scalef32_pk32_f16_bf6", kGfx950),
    unmodelled(611, "v_cvt_scalef32_pk32_bf16_bf6", kGfx950),
    custom<ScaledPair<Widened::bf16, 8, fp8ToFloat>>(617, "v_cvt_scalef32_pk_bf16_fp8", kGfx950),
    custom<ScaledPair<Widened::bf16, 8, bf8ToFloat>>(618, "v_cvt_scalef32_pk_bf16_bf8", kGfx950),
};

}  // namespace

Table convertVop1Table() { return {kShort, sizeof kShort / sizeof *kShort}; }
Table convertVop3Table() { return {kLong, sizeof kLong / sizeof *kLong}; }

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
