#include "decode/tables/rows.h"
#include "execute/arithmetic.h"
#include "execute/integer.h"
#include "execute/packed.h"
#include "execute/packed_special.h"

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

template <auto F>
constexpr Row packed(uint16_t opcode, const char* mnemonic, Targets targets = kAllTargets) {
  return vectorRow(opcode, mnemonic, 16, &Packed<F>::kShared, targets);
}
template <auto F, auto Saturated>
struct PackedSaturating {
  static constexpr VectorHandlers kHandlers = Packed<F>::make(&Packed<Saturated>::kShared);
};
template <auto F, auto Saturated>
constexpr Row packedSaturating(uint16_t opcode, const char* mnemonic) {
  return vectorRow(opcode, mnemonic, 16, &PackedSaturating<F, Saturated>::kHandlers, kAllTargets);
}
template <auto F>
constexpr Row packedSingle(uint16_t opcode, const char* mnemonic) {
  return vectorRow(opcode, mnemonic, 32, &PackedSingle<F>::kShared, kAllTargets);
}

constexpr Row kRows[] = {
    packedSaturating<madI16, madI16Saturated>(0, "v_pk_mad_i16"),
    packed<multiplyLowU16>(1, "v_pk_mul_lo_u16"),
    packedSaturating<addI16, addI16Saturated>(2, "v_pk_add_i16"),
    packedSaturating<subtractI16, subtractI16Saturated>(3, "v_pk_sub_i16"),
    packed<shiftLeftB16>(4, "v_pk_lshlrev_b16"),
    packed<shiftRightB16>(5, "v_pk_lshrrev_b16"),
    packed<shiftRightI16>(6, "v_pk_ashrrev_i16"),
    packed<maxI16>(7, "v_pk_max_i16"),
    packed<minI16>(8, "v_pk_min_i16"),
    packedSaturating<madU16, madU16Saturated>(9, "v_pk_mad_u16"),
    packedSaturating<addU16, addU16Saturated>(10, "v_pk_add_u16"),
    packedSaturating<subtractU16, subtractU16Saturated>(11, "v_pk_sub_u16"),
    packed<maxU16>(12, "v_pk_max_u16"),
    packed<minU16>(13, "v_pk_min_u16"),
    packed<fmaF16>(14, "v_pk_fma_f16"),
    packed<addF16>(15, "v_pk_add_f16"),
    packed<multiplyF16>(16, "v_pk_mul_f16"),
    packed<minF16>(17, "v_pk_min_f16"),
    packed<maxF16>(18, "v_pk_max_f16"),
    custom<Custom<dot2F32Bf16, 3>>(26, "v_dot2_f32_bf16", kGfx950),
    packed<minimum3F16>(27, "v_pk_minimum3_f16", kGfx950),
    packed<maximum3F16>(28, "v_pk_maximum3_f16", kGfx950),
    custom<Custom<mixF32, 3>>(32, "v_fma_mix_f32"),
    custom<Custom<mixLowF16, 3>>(33, "v_fma_mixlo_f16"),
    custom<Custom<mixHighF16, 3>>(34, "v_fma_mixhi_f16"),
    custom<Custom<dot2F32F16, 3>>(35, "v_dot2_f32_f16"),
    custom<Custom<dot2I32I16, 3>>(38, "v_dot2_i32_i16"),
    custom<Custom<dot2U32U16, 3>>(39, "v_dot2_u32_u16"),
    custom<Custom<dot4I32I8, 3>>(40, "v_dot4_i32_i8"),
    custom<Custom<dot4U32U8, 3>>(41, "v_dot4_u32_u8"),
    custom<Custom<dot8I32I4, 3>>(42, "v_dot8_i32_i4"),
    custom<Custom<dot8U32U4, 3>>(43, "v_dot8_u32_u4"),
    packedSingle<fmaF32>(48, "v_pk_fma_f32"),
    packedSingle<multiplyF32>(49, "v_pk_mul_f32"),
    packedSingle<addF32>(50, "v_pk_add_f32"),
    custom<Custom<packedMove, 2, 2, 2, 2>>(51, "v_pk_mov_b32"),
};

}  // namespace

Table vop3pTable() { return {kRows, sizeof kRows / sizeof kRows[0]}; }

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
