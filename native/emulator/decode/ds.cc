#include "decode/memory_opcodes.h"

#include "execute/memory.h"

// DS (31:26 = 110110): LDS and the crossbar between lanes.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

// clang-format off
//   opcode, {mnemonic, class, bits, handler}, bytes, results, operands, operands1, half, signed, atomic, targets
const MemoryOpcode kDs[] = {
    {0, {"ds_add_u32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 0, 1, 0, 0, false, Atomic::add, kAllTargets},
    {1, {"ds_sub_u32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 0, 1, 0, 0, false, Atomic::subtract, kAllTargets},
    {2, {"ds_rsub_u32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 0, 1, 0, 0, false, Atomic::reverseSubtract, kAllTargets},
    {3, {"ds_inc_u32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 0, 1, 0, 0, false, Atomic::increment, kAllTargets},
    {4, {"ds_dec_u32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 0, 1, 0, 0, false, Atomic::decrement, kAllTargets},
    {5, {"ds_min_i32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 0, 1, 0, 0, false, Atomic::signedMin, kAllTargets},
    {6, {"ds_max_i32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 0, 1, 0, 0, false, Atomic::signedMax, kAllTargets},
    {7, {"ds_min_u32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 0, 1, 0, 0, false, Atomic::unsignedMin, kAllTargets},
    {8, {"ds_max_u32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 0, 1, 0, 0, false, Atomic::unsignedMax, kAllTargets},
    {9, {"ds_and_b32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 0, 1, 0, 0, false, Atomic::bitAnd, kAllTargets},
    {10, {"ds_or_b32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 0, 1, 0, 0, false, Atomic::bitOr, kAllTargets},
    {11, {"ds_xor_b32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 0, 1, 0, 0, false, Atomic::bitXor, kAllTargets},
    {12, {"ds_mskor_b32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 0, 1, 1, 0, false, Atomic::maskedOr, kAllTargets},
    {13, {"ds_write_b32", InstructionClass::lds, 32, ldsWrite<4>}, 4, 0, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {14, {"ds_write2_b32", InstructionClass::lds, 32, ldsWrite2<4>}, 4, 0, 1, 1, 0, false, Atomic::swap, kAllTargets},
    {15, {"ds_write2st64_b32", InstructionClass::lds, 32, ldsWrite2<4>}, 4, 0, 1, 1, 0, false, Atomic::swap, kAllTargets},
    {16, {"ds_cmpst_b32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 0, 1, 1, 0, false, Atomic::compareSwap, kAllTargets},
    {17, {"ds_cmpst_f32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 0, 1, 1, 0, false, Atomic::floatCompareSwap, kAllTargets},
    {18, {"ds_min_f32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 0, 1, 0, 0, false, Atomic::floatMin, kAllTargets},
    {19, {"ds_max_f32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 0, 1, 0, 0, false, Atomic::floatMax, kAllTargets},
    {20, {"ds_nop", InstructionClass::lds, 32, noEffect}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {21, {"ds_add_f32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 0, 1, 0, 0, false, Atomic::floatAdd, kAllTargets},
    {23, {"ds_pk_add_f16", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 0, 1, 0, 0, false, Atomic::packedAddF16, kGfx94x},
    {24, {"ds_pk_add_bf16", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 0, 1, 0, 0, false, Atomic::packedAddBf16, kGfx94x},
    {29, {"ds_write_addtid_b32", InstructionClass::lds, 32, ldsWrite<4>}, 4, 0, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {30, {"ds_write_b8", InstructionClass::lds, 32, ldsWrite<1>}, 1, 0, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {31, {"ds_write_b16", InstructionClass::lds, 32, ldsWrite<2>}, 2, 0, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {32, {"ds_add_rtn_u32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::add, kAllTargets},
    {33, {"ds_sub_rtn_u32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::subtract, kAllTargets},
    {34, {"ds_rsub_rtn_u32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::reverseSubtract, kAllTargets},
    {35, {"ds_inc_rtn_u32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::increment, kAllTargets},
    {36, {"ds_dec_rtn_u32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::decrement, kAllTargets},
    {37, {"ds_min_rtn_i32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::signedMin, kAllTargets},
    {38, {"ds_max_rtn_i32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::signedMax, kAllTargets},
    {39, {"ds_min_rtn_u32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::unsignedMin, kAllTargets},
    {40, {"ds_max_rtn_u32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::unsignedMax, kAllTargets},
    {41, {"ds_and_rtn_b32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::bitAnd, kAllTargets},
    {42, {"ds_or_rtn_b32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::bitOr, kAllTargets},
    {43, {"ds_xor_rtn_b32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::bitXor, kAllTargets},
    {44, {"ds_mskor_rtn_b32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 1, 1, 1, 0, false, Atomic::maskedOr, kAllTargets},
    {45, {"ds_wrxchg_rtn_b32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {46, {"ds_wrxchg2_rtn_b32", InstructionClass::lds, 32, ldsExchange2<uint32_t>}, 4, 2, 1, 1, 0, false, Atomic::swap, kAllTargets},
    {47, {"ds_wrxchg2st64_rtn_b32", InstructionClass::lds, 32, ldsExchange2<uint32_t>}, 4, 2, 1, 1, 0, false, Atomic::swap, kAllTargets},
    {48, {"ds_cmpst_rtn_b32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 1, 1, 1, 0, false, Atomic::compareSwap, kAllTargets},
    {49, {"ds_cmpst_rtn_f32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 1, 1, 1, 0, false, Atomic::floatCompareSwap, kAllTargets},
    {50, {"ds_min_rtn_f32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::floatMin, kAllTargets},
    {51, {"ds_max_rtn_f32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::floatMax, kAllTargets},
    {52, {"ds_wrap_rtn_b32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 1, 1, 1, 0, false, Atomic::wrap, kAllTargets},
    {53, {"ds_add_rtn_f32", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::floatAdd, kAllTargets},
    {54, {"ds_read_b32", InstructionClass::lds, 32, ldsRead<4>}, 4, 1, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {55, {"ds_read2_b32", InstructionClass::lds, 32, ldsRead2<4>}, 4, 2, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {56, {"ds_read2st64_b32", InstructionClass::lds, 32, ldsRead2<4>}, 4, 2, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {57, {"ds_read_i8", InstructionClass::lds, 32, ldsRead<1>}, 1, 1, 0, 0, 0, true, Atomic::swap, kAllTargets},
    {58, {"ds_read_u8", InstructionClass::lds, 32, ldsRead<1>}, 1, 1, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {59, {"ds_read_i16", InstructionClass::lds, 32, ldsRead<2>}, 2, 1, 0, 0, 0, true, Atomic::swap, kAllTargets},
    {60, {"ds_read_u16", InstructionClass::lds, 32, ldsRead<2>}, 2, 1, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {61, {"ds_swizzle_b32", InstructionClass::lds, 32, ldsSwizzle}, 4, 1, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {62, {"ds_permute_b32", InstructionClass::lds, 32, ldsPermute}, 4, 1, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {63, {"ds_bpermute_b32", InstructionClass::lds, 32, ldsBackwardPermute}, 4, 1, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {64, {"ds_add_u64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 0, 2, 0, 0, false, Atomic::add, kAllTargets},
    {65, {"ds_sub_u64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 0, 2, 0, 0, false, Atomic::subtract, kAllTargets},
    {66, {"ds_rsub_u64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 0, 2, 0, 0, false, Atomic::reverseSubtract, kAllTargets},
    {67, {"ds_inc_u64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 0, 2, 0, 0, false, Atomic::increment, kAllTargets},
    {68, {"ds_dec_u64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 0, 2, 0, 0, false, Atomic::decrement, kAllTargets},
    {69, {"ds_min_i64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 0, 2, 0, 0, false, Atomic::signedMin, kAllTargets},
    {70, {"ds_max_i64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 0, 2, 0, 0, false, Atomic::signedMax, kAllTargets},
    {71, {"ds_min_u64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 0, 2, 0, 0, false, Atomic::unsignedMin, kAllTargets},
    {72, {"ds_max_u64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 0, 2, 0, 0, false, Atomic::unsignedMax, kAllTargets},
    {73, {"ds_and_b64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 0, 2, 0, 0, false, Atomic::bitAnd, kAllTargets},
    {74, {"ds_or_b64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 0, 2, 0, 0, false, Atomic::bitOr, kAllTargets},
    {75, {"ds_xor_b64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 0, 2, 0, 0, false, Atomic::bitXor, kAllTargets},
    {76, {"ds_mskor_b64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 0, 2, 2, 0, false, Atomic::maskedOr, kAllTargets},
    {77, {"ds_write_b64", InstructionClass::lds, 32, ldsWrite<8>}, 8, 0, 2, 0, 0, false, Atomic::swap, kAllTargets},
    {78, {"ds_write2_b64", InstructionClass::lds, 32, ldsWrite2<8>}, 8, 0, 2, 2, 0, false, Atomic::swap, kAllTargets},
    {79, {"ds_write2st64_b64", InstructionClass::lds, 32, ldsWrite2<8>}, 8, 0, 2, 2, 0, false, Atomic::swap, kAllTargets},
    {80, {"ds_cmpst_b64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 0, 2, 2, 0, false, Atomic::compareSwap, kAllTargets},
    {81, {"ds_cmpst_f64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 0, 2, 2, 0, false, Atomic::floatCompareSwap, kAllTargets},
    {82, {"ds_min_f64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 0, 2, 0, 0, false, Atomic::floatMin, kAllTargets},
    {83, {"ds_max_f64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 0, 2, 0, 0, false, Atomic::floatMax, kAllTargets},
    {84, {"ds_write_b8_d16_hi", InstructionClass::lds, 32, ldsWrite<1>}, 1, 0, 1, 0, 2, false, Atomic::swap, kAllTargets},
    {85, {"ds_write_b16_d16_hi", InstructionClass::lds, 32, ldsWrite<2>}, 2, 0, 1, 0, 2, false, Atomic::swap, kAllTargets},
    {86, {"ds_read_u8_d16", InstructionClass::lds, 32, ldsRead<1>}, 1, 1, 0, 0, 1, false, Atomic::swap, kAllTargets},
    {87, {"ds_read_u8_d16_hi", InstructionClass::lds, 32, ldsRead<1>}, 1, 1, 0, 0, 2, false, Atomic::swap, kAllTargets},
    {88, {"ds_read_i8_d16", InstructionClass::lds, 32, ldsRead<1>}, 1, 1, 0, 0, 1, true, Atomic::swap, kAllTargets},
    {89, {"ds_read_i8_d16_hi", InstructionClass::lds, 32, ldsRead<1>}, 1, 1, 0, 0, 2, true, Atomic::swap, kAllTargets},
    {90, {"ds_read_u16_d16", InstructionClass::lds, 32, ldsRead<2>}, 2, 1, 0, 0, 1, false, Atomic::swap, kAllTargets},
    {91, {"ds_read_u16_d16_hi", InstructionClass::lds, 32, ldsRead<2>}, 2, 1, 0, 0, 2, false, Atomic::swap, kAllTargets},
    {92, {"ds_add_f64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 0, 2, 0, 0, false, Atomic::floatAdd, kAllTargets},
    {96, {"ds_add_rtn_u64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::add, kAllTargets},
    {97, {"ds_sub_rtn_u64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::subtract, kAllTargets},
    {98, {"ds_rsub_rtn_u64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::reverseSubtract, kAllTargets},
    {99, {"ds_inc_rtn_u64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::increment, kAllTargets},
    {100, {"ds_dec_rtn_u64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::decrement, kAllTargets},
    {101, {"ds_min_rtn_i64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::signedMin, kAllTargets},
    {102, {"ds_max_rtn_i64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::signedMax, kAllTargets},
    {103, {"ds_min_rtn_u64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::unsignedMin, kAllTargets},
    {104, {"ds_max_rtn_u64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::unsignedMax, kAllTargets},
    {105, {"ds_and_rtn_b64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::bitAnd, kAllTargets},
    {106, {"ds_or_rtn_b64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::bitOr, kAllTargets},
    {107, {"ds_xor_rtn_b64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::bitXor, kAllTargets},
    {108, {"ds_mskor_rtn_b64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 2, 2, 2, 0, false, Atomic::maskedOr, kAllTargets},
    {109, {"ds_wrxchg_rtn_b64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::swap, kAllTargets},
    {110, {"ds_wrxchg2_rtn_b64", InstructionClass::lds, 32, ldsExchange2<uint64_t>}, 8, 4, 2, 2, 0, false, Atomic::swap, kAllTargets},
    {111, {"ds_wrxchg2st64_rtn_b64", InstructionClass::lds, 32, ldsExchange2<uint64_t>}, 8, 4, 2, 2, 0, false, Atomic::swap, kAllTargets},
    {112, {"ds_cmpst_rtn_b64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 2, 2, 2, 0, false, Atomic::compareSwap, kAllTargets},
    {113, {"ds_cmpst_rtn_f64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 2, 2, 2, 0, false, Atomic::floatCompareSwap, kAllTargets},
    {114, {"ds_min_rtn_f64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::floatMin, kAllTargets},
    {115, {"ds_max_rtn_f64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::floatMax, kAllTargets},
    {118, {"ds_read_b64", InstructionClass::lds, 32, ldsRead<8>}, 8, 2, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {119, {"ds_read2_b64", InstructionClass::lds, 32, ldsRead2<8>}, 8, 4, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {120, {"ds_read2st64_b64", InstructionClass::lds, 32, ldsRead2<8>}, 8, 4, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {124, {"ds_add_rtn_f64", InstructionClass::lds, 32, ldsAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::floatAdd, kAllTargets},
    {126, {"ds_condxchg32_rtn_b64", InstructionClass::lds, 32, notModelled}, 8, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {152, {"ds_gws_sema_release_all", InstructionClass::lds, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {153, {"ds_gws_init", InstructionClass::lds, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {154, {"ds_gws_sema_v", InstructionClass::lds, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {155, {"ds_gws_sema_br", InstructionClass::lds, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {156, {"ds_gws_sema_p", InstructionClass::lds, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {157, {"ds_gws_barrier", InstructionClass::lds, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {182, {"ds_read_addtid_b32", InstructionClass::lds, 32, ldsRead<4>}, 4, 1, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {183, {"ds_pk_add_rtn_f16", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::packedAddF16, kGfx94x},
    {184, {"ds_pk_add_rtn_bf16", InstructionClass::lds, 32, ldsAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::packedAddBf16, kGfx94x},
    {189, {"ds_consume", InstructionClass::lds, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {190, {"ds_append", InstructionClass::lds, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {222, {"ds_write_b96", InstructionClass::lds, 32, ldsWrite<12>}, 12, 0, 3, 0, 0, false, Atomic::swap, kAllTargets},
    {223, {"ds_write_b128", InstructionClass::lds, 32, ldsWrite<16>}, 16, 0, 4, 0, 0, false, Atomic::swap, kAllTargets},
    {224, {"ds_read_b64_tr_b4", InstructionClass::lds, 32, ldsReadTransposed<4>}, 8, 2, 0, 0, 0, false, Atomic::swap, kGfx950},
    {225, {"ds_read_b96_tr_b6", InstructionClass::lds, 32, ldsReadTransposed<6>}, 12, 3, 0, 0, 0, false, Atomic::swap, kGfx950},
    {226, {"ds_read_b64_tr_b8", InstructionClass::lds, 32, ldsReadTransposed<8>}, 8, 2, 0, 0, 0, false, Atomic::swap, kGfx950},
    {227, {"ds_read_b64_tr_b16", InstructionClass::lds, 32, ldsReadTransposed<16>}, 8, 2, 0, 0, 0, false, Atomic::swap, kGfx950},
    {254, {"ds_read_b96", InstructionClass::lds, 32, ldsRead<12>}, 12, 3, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {255, {"ds_read_b128", InstructionClass::lds, 32, ldsRead<16>}, 16, 4, 0, 0, 0, false, Atomic::swap, kAllTargets},
};
// clang-format on

/// Opcodes with two 8-bit offsets in units of the data size; the second group counts in 64 of them.
constexpr bool hasTwoOffsets(uint32_t code) {
  return code == 14 || code == 46 || code == 55 || code == 78 || code == 110 || code == 119;
}
constexpr bool hasTwoOffsets64(uint32_t code) {
  return code == 15 || code == 47 || code == 56 || code == 79 || code == 111 || code == 120;
}
constexpr uint32_t kWriteAddtid = 29, kSwizzle = 61, kReadAddtid = 182;

}  // namespace

bool decodeDs(Target target, const uint32_t* words, uint64_t available, Instruction* out) {
  if (available < 2) return false;
  const uint32_t first = words[0], second = words[1], code = field(first, 17, 24);
  const MemoryOpcode* row = findOpcode(kDs, target, code);
  if (!row) return false;
  apply(*row, out);
  out->format = Format::ds;
  const bool gds = field(first, 16, 16), accumulation = field(first, 25, 25);
  if (gds) out->execute = notModelled;
  if (out->execute == notModelled || out->execute == noEffect) return true;
  out->offset = static_cast<int32_t>(field(first, 0, 15));
  if (hasTwoOffsets(code) || hasTwoOffsets64(code)) {
    const int32_t unit = row->bytes * (hasTwoOffsets64(code) ? 64 : 1);
    out->offset = static_cast<int32_t>(field(first, 0, 7)) * unit;
    out->offset1 = static_cast<int32_t>(field(first, 8, 15)) * unit;
  }
  const uint32_t address = field(second, 0, 7), data = field(second, 8, 15), data1 = field(second, 16, 23),
                 destination = field(second, 24, 31);
  if (!fits(data, out->operands) || !fits(data1, out->operands1) || !fits(destination, out->results))
    return false;
  out->returns = row->results && row->operands;
  out->indexEnable = code == kWriteAddtid || code == kReadAddtid;
  out->source[0].code = vectorCode(address, false);
  out->source[1].code = vectorCode(data, accumulation);
  out->source[2].code = vectorCode(data1, accumulation);
  out->destination = vectorCode(destination, accumulation);
  if (code == kSwizzle) {  // its data register stands in the address field
    if (out->offset >= 0xe000) out->execute = notModelled;
    out->source[1].code = out->source[0].code;
  }
  return true;
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
