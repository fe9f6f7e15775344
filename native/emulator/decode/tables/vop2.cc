#include "decode/tables/rows.h"
#include "execute/arithmetic.h"
#include "execute/integer.h"
#include "execute/packed_special.h"

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

using ConditionalMove = Custom<conditionalMove, 3, 1, 1, 1, 2, conditionalMovePlain>;

// Three sources: the third is the destination (accumulating), VCC (carry in) or the literal (fmamk, fmaak).
constexpr Row kRows[] = {
    custom<ConditionalMove>(0, "v_cndmask_b32"),
    hot<addF32>(1, "v_add_f32"),
    hot<subtractF32>(2, "v_sub_f32"),
    hot<reverseSubtractF32>(3, "v_subrev_f32"),
    op<fmaF64>(4, "v_fmac_f64"),
    hot<multiplyF32>(5, "v_mul_f32"),
    op<multiplyI24>(6, "v_mul_i32_i24"),
    op<multiplyHighI24>(7, "v_mul_hi_i32_i24"),
    op<multiplyU24>(8, "v_mul_u32_u24"),
    op<multiplyHighU24>(9, "v_mul_hi_u32_u24"),
    hot<minF32>(10, "v_min_f32"),
    hot<maxF32>(11, "v_max_f32"),
    op<minI32>(12, "v_min_i32"),
    op<maxI32>(13, "v_max_i32"),
    op<minU32>(14, "v_min_u32"),
    op<maxU32>(15, "v_max_u32"),
    hot<shiftRightB32>(16, "v_lshrrev_b32"),
    hot<shiftRightI32>(17, "v_ashrrev_i32"),
    hot<shiftLeftB32>(18, "v_lshlrev_b32"),
    hot<andB32>(19, "v_and_b32"),
    hot<orB32>(20, "v_or_b32"),
    hot<xorB32>(21, "v_xor_b32"),
    op<madF32>(22, "v_mac_f32", kGfx90a),
    custom<Custom<dot2F32Bf16, 3>>(22, "v_dot2c_f32_bf16", kGfx950),
    op<madF32>(23, "v_madmk_f32", kGfx90a),
    hot<fmaF32>(23, "v_fmamk_f32", kGfx94x),
    op<madF32>(24, "v_madak_f32", kGfx90a),
    hot<fmaF32>(24, "v_fmaak_f32", kGfx94x),
    custom<Custom<addCarryOut, 2>>(25, "v_add_co_u32"),
    custom<Custom<subtractBorrowOut, 2>>(26, "v_sub_co_u32"),
    custom<Custom<reverseSubtractBorrowOut, 2>>(27, "v_subrev_co_u32"),
    custom<Custom<addCarry, 3, 1, 1, 1, 2>>(28, "v_addc_co_u32"),
    custom<Custom<subtractBorrow, 3, 1, 1, 1, 2>>(29, "v_subb_co_u32"),
    custom<Custom<reverseSubtractBorrow, 3, 1, 1, 1, 2>>(30, "v_subbrev_co_u32"),
    op<addF16>(31, "v_add_f16"),
    op<subtractF16>(32, "v_sub_f16"),
    op<reverseSubtractF16>(33, "v_subrev_f16"),
    op<multiplyF16>(34, "v_mul_f16"),
    op<madF16>(35, "v_mac_f16"),
    op<madF16>(36, "v_madmk_f16"),
    op<madF16>(37, "v_madak_f16"),
    saturating<addU16, addU16Saturated>(38, "v_add_u16"),
    saturating<subtractU16, subtractU16Saturated>(39, "v_sub_u16"),
    saturating<reverseSubtractU16, reverseSubtractU16Saturated>(40, "v_subrev_u16"),
    op<multiplyLowU16>(41, "v_mul_lo_u16"),
    op<shiftLeftB16>(42, "v_lshlrev_b16"),
    op<shiftRightB16>(43, "v_lshrrev_b16"),
    op<shiftRightI16>(44, "v_ashrrev_i16"),
    op<maxF16>(45, "v_max_f16"),
    op<minF16>(46, "v_min_f16"),
    op<maxU16>(47, "v_max_u16"),
    op<maxI16>(48, "v_max_i16"),
    op<minU16>(49, "v_min_u16"),
    op<minI16>(50, "v_min_i16"),
    op<scaleF16>(51, "v_ldexp_f16"),
    saturating<addU32, addU32Saturated>(52, "v_add_u32"),
    saturating<subtractU32, subtractU32Saturated>(53, "v_sub_u32"),
    saturating<reverseSubtractU32, reverseSubtractU32Saturated>(54, "v_subrev_u32"),
    custom<Custom<dot2F32F16, 3>>(55, "v_dot2c_f32_f16"),
    custom<Custom<dot2I32I16, 3>>(56, "v_dot2c_i32_i16"),
    custom<Custom<dot4I32I8, 3>>(57, "v_dot4c_i32_i8"),
    custom<Custom<dot8I32I4, 3>>(58, "v_dot8c_i32_i4"),
    hot<fmaF32>(59, "v_fmac_f32"),
    vectorRow(60, "v_pk_fmac_f16", 16, &Packed<fmaF16>::kShared, kAllTargets),
    op<xnorB32>(61, "v_xnor_b32"),
};

}  // namespace

Table vop2Table() { return {kRows, sizeof kRows / sizeof kRows[0]}; }

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
