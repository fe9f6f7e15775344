#include "decode/tables/rows.h"
#include "execute/scalar_control.h"
#include "execute/scalar_integer.h"

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

using u32 = uint32_t;
using u64 = uint64_t;
using i32 = int32_t;
using i64 = int64_t;
constexpr InstructionClass kScalar = InstructionClass::scalar, kBranch = InstructionClass::branch,
                           kOther = InstructionClass::other;

constexpr Row s(uint16_t opcode, const char* mnemonic, Execute execute) {
  return row(opcode, mnemonic, kScalar, execute);
}
constexpr Row b(uint16_t opcode, const char* mnemonic, Execute execute) {
  return row(opcode, mnemonic, kBranch, execute);
}

constexpr Row kSop1[] = {
    s(0, "s_mov_b32", scalar<identity<u32>>),
    s(1, "s_mov_b64", scalar<identity<u64>>),
    s(2, "s_cmov_b32", conditionalMove32),
    s(3, "s_cmov_b64", conditionalMove64),
    s(4, "s_not_b32", scalarNonZero<bitwiseNot<u32>>),
    s(5, "s_not_b64", scalarNonZero<bitwiseNot<u64>>),
    s(6, "s_wqm_b32", scalarNonZero<wholeQuads<u32>>),
    s(7, "s_wqm_b64", scalarNonZero<wholeQuads<u64>>),
    s(8, "s_brev_b32", scalar<scalarReverse<u32>>),
    s(9, "s_brev_b64", scalar<scalarReverse<u64>>),
    s(10, "s_bcnt0_i32_b32", scalarNonZero<countZeros<u32>>),
    s(11, "s_bcnt0_i32_b64", scalarNonZero<countZeros<u64>>),
    s(12, "s_bcnt1_i32_b32", scalarNonZero<countOnes<u32>>),
    s(13, "s_bcnt1_i32_b64", scalarNonZero<countOnes<u64>>),
    s(14, "s_ff0_i32_b32", scalar<firstZero<u32>>),
    s(15, "s_ff0_i32_b64", scalar<firstZero<u64>>),
    s(16, "s_ff1_i32_b32", scalar<firstOne<u32>>),
    s(17, "s_ff1_i32_b64", scalar<firstOne<u64>>),
    s(18, "s_flbit_i32_b32", scalar<leadingZeros<u32>>),
    s(19, "s_flbit_i32_b64", scalar<leadingZeros<u64>>),
    s(20, "s_flbit_i32", scalar<leadingSigns<i32>>),
    s(21, "s_flbit_i32_i64", scalar<leadingSigns<i64>>),
    s(22, "s_sext_i32_i8", scalar<signExtended<int8_t>>),
    s(23, "s_sext_i32_i16", scalar<signExtended<int16_t>>),
    s(24, "s_bitset0_b32", clearBit32),
    s(25, "s_bitset0_b64", clearBit64),
    s(26, "s_bitset1_b32", setBit32),
    s(27, "s_bitset1_b64", setBit64),
    b(28, "s_getpc_b64", getProgramCounter),
    b(29, "s_setpc_b64", setProgramCounter),
    b(30, "s_swappc_b64", swapProgramCounter),
    b(31, "s_rfe_b64", notModelled),
    s(32, "s_and_saveexec_b64", saveExec<bitwiseAnd<u64>>),
    s(33, "s_or_saveexec_b64", saveExec<bitwiseOr<u64>>),
    s(34, "s_xor_saveexec_b64", saveExec<bitwiseXor<u64>>),
    s(35, "s_andn2_saveexec_b64", saveExec<andNot<u64>>),
    s(36, "s_orn2_saveexec_b64", saveExec<orNot<u64>>),
    s(37, "s_nand_saveexec_b64", saveExec<notAnd<u64>>),
    s(38, "s_nor_saveexec_b64", saveExec<notOr<u64>>),
    s(39, "s_xnor_saveexec_b64", saveExec<notXor<u64>>),
    s(40, "s_quadmask_b32", scalarNonZero<quadMask<u32>>),
    s(41, "s_quadmask_b64", scalarNonZero<quadMask<u64>>),
    s(42, "s_movrels_b32", moveFromRelative32),
    s(43, "s_movrels_b64", moveFromRelative64),
    s(44, "s_movreld_b32", moveToRelative32),
    s(45, "s_movreld_b64", moveToRelative64),
    b(46, "s_cbranch_join", notModelled),
    s(48, "s_abs_i32", scalarFlag<scalarAbsolute>),
    s(50, "s_set_gpr_idx_idx", setGprIndexValue),
    s(51, "s_andn1_saveexec_b64", saveExec<notAndSecond<u64>>),
    s(52, "s_orn1_saveexec_b64", saveExec<notOrSecond<u64>>),
    s(53, "s_andn1_wrexec_b64", writeExec<notAndSecond<u64>>),
    s(54, "s_andn2_wrexec_b64", writeExec<andNot<u64>>),
    s(55, "s_bitreplicate_b64_b32", scalar<bitReplicate>),
};

constexpr Row kSop2[] = {
    s(0, "s_add_u32", scalarFlag<scalarAddU32>),
    s(1, "s_sub_u32", scalarFlag<scalarSubtractU32>),
    s(2, "s_add_i32", scalarFlag<scalarAddI32>),
    s(3, "s_sub_i32", scalarFlag<scalarSubtractI32>),
    s(4, "s_addc_u32", addWithCarry),
    s(5, "s_subb_u32", subtractWithBorrow),
    s(6, "s_min_i32", scalarFlag<scalarMin<i32>>),
    s(7, "s_min_u32", scalarFlag<scalarMin<u32>>),
    s(8, "s_max_i32", scalarFlag<scalarMax<i32>>),
    s(9, "s_max_u32", scalarFlag<scalarMax<u32>>),
    s(10, "s_cselect_b32", select32),
    s(11, "s_cselect_b64", select64),
    s(12, "s_and_b32", scalarNonZero<bitwiseAnd<u32>>),
    s(13, "s_and_b64", scalarNonZero<bitwiseAnd<u64>>),
    s(14, "s_or_b32", scalarNonZero<bitwiseOr<u32>>),
    s(15, "s_or_b64", scalarNonZero<bitwiseOr<u64>>),
    s(16, "s_xor_b32", scalarNonZero<bitwiseXor<u32>>),
    s(17, "s_xor_b64", scalarNonZero<bitwiseXor<u64>>),
    s(18, "s_andn2_b32", scalarNonZero<andNot<u32>>),
    s(19, "s_andn2_b64", scalarNonZero<andNot<u64>>),
    s(20, "s_orn2_b32", scalarNonZero<orNot<u32>>),
    s(21, "s_orn2_b64", scalarNonZero<orNot<u64>>),
    s(22, "s_nand_b32", scalarNonZero<notAnd<u32>>),
    s(23, "s_nand_b64", scalarNonZero<notAnd<u64>>),
    s(24, "s_nor_b32", scalarNonZero<notOr<u32>>),
    s(25, "s_nor_b64", scalarNonZero<notOr<u64>>),
    s(26, "s_xnor_b32", scalarNonZero<notXor<u32>>),
    s(27, "s_xnor_b64", scalarNonZero<notXor<u64>>),
    s(28, "s_lshl_b32", scalarNonZero<scalarShiftLeft<u32>>),
    s(29, "s_lshl_b64", scalarNonZero<scalarShiftLeft<u64>>),
    s(30, "s_lshr_b32", scalarNonZero<scalarShiftRight<u32>>),
    s(31, "s_lshr_b64", scalarNonZero<scalarShiftRight<u64>>),
    s(32, "s_ashr_i32", scalarNonZero<scalarShiftRight<i32>>),
    s(33, "s_ashr_i64", scalarNonZero<scalarShiftRight<i64>>),
    s(34, "s_bfm_b32", scalar<scalarMaskB32>),
    s(35, "s_bfm_b64", scalar<scalarMaskB64>),
    s(36, "s_mul_i32", scalar<scalarMultiply>),
    s(37, "s_bfe_u32", scalarNonZero<scalarExtract<u32>>),
    s(38, "s_bfe_i32", scalarNonZero<scalarExtract<i32>>),
    s(39, "s_bfe_u64", scalarNonZero<scalarExtract<u64>>),
    s(40, "s_bfe_i64", scalarNonZero<scalarExtract<i64>>),
    b(41, "s_cbranch_g_fork", notModelled),
    s(42, "s_absdiff_i32", scalarFlag<scalarAbsoluteDifference>),
    b(43, "s_rfe_restore_b64", notModelled),
    s(44, "s_mul_hi_u32", scalar<scalarMultiplyHighU32>),
    s(45, "s_mul_hi_i32", scalar<scalarMultiplyHighI32>),
    s(46, "s_lshl1_add_u32", scalarFlag<scalarShiftAdd<1>>),
    s(47, "s_lshl2_add_u32", scalarFlag<scalarShiftAdd<2>>),
    s(48, "s_lshl3_add_u32", scalarFlag<scalarShiftAdd<3>>),
    s(49, "s_lshl4_add_u32", scalarFlag<scalarShiftAdd<4>>),
    s(50, "s_pack_ll_b32_b16", scalar<scalarPack<0, 0>>),
    s(51, "s_pack_lh_b32_b16", scalar<scalarPack<0, 16>>),
    s(52, "s_pack_hh_b32_b16", scalar<scalarPack<16, 16>>),
};

constexpr Row kSopc[] = {
    s(0, "s_cmp_eq_i32", scalarTest<isEqual<i32>>),
    s(1, "s_cmp_lg_i32", scalarTest<isNotEqual<i32>>),
    s(2, "s_cmp_gt_i32", scalarTest<isGreater<i32>>),
    s(3, "s_cmp_ge_i32", scalarTest<isGreaterOrEqual<i32>>),
    s(4, "s_cmp_lt_i32", scalarTest<isLess<i32>>),
    s(5, "s_cmp_le_i32", scalarTest<isLessOrEqual<i32>>),
    s(6, "s_cmp_eq_u32", scalarTest<isEqual<u32>>),
    s(7, "s_cmp_lg_u32", scalarTest<isNotEqual<u32>>),
    s(8, "s_cmp_gt_u32", scalarTest<isGreater<u32>>),
    s(9, "s_cmp_ge_u32", scalarTest<isGreaterOrEqual<u32>>),
    s(10, "s_cmp_lt_u32", scalarTest<isLess<u32>>),
    s(11, "s_cmp_le_u32", scalarTest<isLessOrEqual<u32>>),
    s(12, "s_bitcmp0_b32", scalarTest<bitIsClear<u32>>),
    s(13, "s_bitcmp1_b32", scalarTest<bitIsSet<u32>>),
    s(14, "s_bitcmp0_b64", scalarTest<bitIsClear<u64>>),
    s(15, "s_bitcmp1_b64", scalarTest<bitIsSet<u64>>),
    s(16, "s_setvskip", setVectorSkip),
    s(17, "s_set_gpr_idx_on", setGprIndexOn),
    s(18, "s_cmp_eq_u64", scalarTest<isEqual<u64>>),
    s(19, "s_cmp_lg_u64", scalarTest<isNotEqual<u64>>),
};

// The comparisons' sources are the destination field and the constant, set up at decode.
constexpr Row kSopk[] = {
    s(0, "s_movk_i32", moveConstant),
    s(1, "s_cmovk_i32", conditionalMoveConstant),
    s(2, "s_cmpk_eq_i32", scalarTest<isEqual<i32>>),
    s(3, "s_cmpk_lg_i32", scalarTest<isNotEqual<i32>>),
    s(4, "s_cmpk_gt_i32", scalarTest<isGreater<i32>>),
    s(5, "s_cmpk_ge_i32", scalarTest<isGreaterOrEqual<i32>>),
    s(6, "s_cmpk_lt_i32", scalarTest<isLess<i32>>),
    s(7, "s_cmpk_le_i32", scalarTest<isLessOrEqual<i32>>),
    s(8, "s_cmpk_eq_u32", scalarTest<isEqual<u32>>),
    s(9, "s_cmpk_lg_u32", scalarTest<isNotEqual<u32>>),
    s(10, "s_cmpk_gt_u32", scalarTest<isGreater<u32>>),
    s(11, "s_cmpk_ge_u32", scalarTest<isGreaterOrEqual<u32>>),
    s(12, "s_cmpk_lt_u32", scalarTest<isLess<u32>>),
    s(13, "s_cmpk_le_u32", scalarTest<isLessOrEqual<u32>>),
    s(14, "s_addk_i32", addConstant),
    s(15, "s_mulk_i32", multiplyConstant),
    b(16, "s_cbranch_i_fork", notModelled),
    s(17, "s_getreg_b32", getRegister),
    s(18, "s_setreg_b32", setRegister),
    s(20, "s_setreg_imm32_b32", setRegister),
    b(21, "s_call_b64", call),
};

constexpr Row kSopp[] = {
    row(0, "s_nop", kOther, nothing),
    row(1, "s_endpgm", kOther, endProgram),
    b(2, "s_branch", branch),
    row(3, "s_wakeup", kOther, nothing),
    b(4, "s_cbranch_scc0", branchIfScc0),
    b(5, "s_cbranch_scc1", branchIfScc1),
    b(6, "s_cbranch_vccz", branchIfVccZero),
    b(7, "s_cbranch_vccnz", branchIfVccNotZero),
    b(8, "s_cbranch_execz", branchIfExecZero),
    b(9, "s_cbranch_execnz", branchIfExecNotZero),
    row(10, "s_barrier", InstructionClass::barrier, barrier),
    row(11, "s_setkill", kOther, notModelled),
    row(12, "s_waitcnt", InstructionClass::wait, waitCounters),
    row(13, "s_sethalt", kOther, notModelled),
    row(14, "s_sleep", kOther, nothing),
    row(15, "s_setprio", kOther, nothing),
    row(16, "s_sendmsg", kOther, notModelled),
    row(17, "s_sendmsghalt", kOther, notModelled),
    row(18, "s_trap", kOther, trap),
    row(19, "s_icache_inv", kOther, nothing),
    row(20, "s_incperflevel", kOther, nothing),
    row(21, "s_decperflevel", kOther, nothing),
    row(22, "s_ttracedata", kOther, nothing),
    b(23, "s_cbranch_cdbgsys", notModelled),
    b(24, "s_cbranch_cdbguser", notModelled),
    b(25, "s_cbranch_cdbgsys_or_user", notModelled),
    b(26, "s_cbranch_cdbgsys_and_user", notModelled),
    row(27, "s_endpgm_saved", kOther, notModelled),
    row(28, "s_set_gpr_idx_off", kScalar, setGprIndexOff),
    row(29, "s_set_gpr_idx_mode", kScalar, setGprIndexMode),
    row(30, "s_endpgm_ordered_ps_done", kOther, notModelled),
};

template <size_t kCount>
constexpr Table table(const Row (&rows)[kCount]) {
  return {rows, kCount};
}

}  // namespace

Table sop1Table() { return table(kSop1); }
Table sop2Table() { return table(kSop2); }
Table sopcTable() { return table(kSopc); }
Table sopkTable() { return table(kSopk); }
Table soppTable() { return table(kSopp); }

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
