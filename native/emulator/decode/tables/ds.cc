#include "decode/tables/memory_rows.h"

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

template <int kBytes>
constexpr MemoryRow read(uint16_t code, const char* name) {
  return load(code, name, ldsRead<kBytes>, kBytes, InstructionClass::lds);
}
template <int kBytes>
constexpr MemoryRow read2(uint16_t code, const char* name) {
  return load(code, name, ldsRead2<kBytes>, kBytes, InstructionClass::lds).twice();
}
template <int kBits>
constexpr MemoryRow transposed(uint16_t code, const char* name, size_t bytes) {
  return load(code, name, ldsReadTransposed<kBits>, bytes, InstructionClass::lds);
}
template <int kBytes>
constexpr MemoryRow write(uint16_t code, const char* name) {
  return store(code, name, ldsWrite<kBytes>, kBytes, InstructionClass::lds);
}
template <int kBytes>
constexpr MemoryRow write2(uint16_t code, const char* name) {
  return store(code, name, ldsWrite2<kBytes>, kBytes, InstructionClass::lds).twice();
}

/// An atomic that gives back the old value. Its second operand, where it has one, is the second data
/// register's.
template <class T>
constexpr MemoryRow fetch(uint16_t code, const char* name, Atomic kind) {
  MemoryRow row = atomic(code, name, ldsAtomic<T>, sizeof(T), kind, InstructionClass::lds);
  const bool second = kind == Atomic::compareSwap || kind == Atomic::floatCompareSwap ||
                      kind == Atomic::maskedOr || kind == Atomic::wrap;
  row.operands = registersOf(sizeof(T));
  row.operands1 = second ? row.operands : 0;
  return row;
}
/// One that gives nothing back.
template <class T>
constexpr MemoryRow update(uint16_t code, const char* name, Atomic kind) {
  MemoryRow row = fetch<T>(code, name, kind);
  row.results = 0;
  return row;
}
template <class T>
constexpr MemoryRow exchange2(uint16_t code, const char* name) {
  return atomic(code, name, ldsExchange2<T>, sizeof(T), Atomic::swap, InstructionClass::lds).twice();
}
/// Between lanes, past the memory.
constexpr MemoryRow crossbar(uint16_t code, const char* name, Execute execute) {
  MemoryRow row = memoryRow(code, name, InstructionClass::lds, execute, 4, false, false);
  row.results = row.operands = 1;
  return row;
}

const MemoryRow kDs[] = {
    update<uint32_t>(0, "ds_add_u32", Atomic::add),
    update<uint32_t>(1, "ds_sub_u32", Atomic::subtract),
    update<uint32_t>(2, "ds_rsub_u32", Atomic::reverseSubtract),
    update<uint32_t>(3, "ds_inc_u32", Atomic::increment),
    update<uint32_t>(4, "ds_dec_u32", Atomic::decrement),
    update<uint32_t>(5, "ds_min_i32", Atomic::signedMin),
    update<uint32_t>(6, "ds_max_i32", Atomic::signedMax),
    update<uint32_t>(7, "ds_min_u32", Atomic::unsignedMin),
    update<uint32_t>(8, "ds_max_u32", Atomic::unsignedMax),
    update<uint32_t>(9, "ds_and_b32", Atomic::bitAnd),
    update<uint32_t>(10, "ds_or_b32", Atomic::bitOr),
    update<uint32_t>(11, "ds_xor_b32", Atomic::bitXor),
    update<uint32_t>(12, "ds_mskor_b32", Atomic::maskedOr),
    write<4>(13, "ds_write_b32"),
    write2<4>(14, "ds_write2_b32"),
    write2<4>(15, "ds_write2st64_b32"),
    update<uint32_t>(16, "ds_cmpst_b32", Atomic::compareSwap),
    update<uint32_t>(17, "ds_cmpst_f32", Atomic::floatCompareSwap),
    update<uint32_t>(18, "ds_min_f32", Atomic::floatMin),
    update<uint32_t>(19, "ds_max_f32", Atomic::floatMax),
    ordering(20, "ds_nop", InstructionClass::lds),
    update<uint32_t>(21, "ds_add_f32", Atomic::floatAdd),
    update<uint32_t>(23, "ds_pk_add_f16", Atomic::packedAddF16).on(kGfx94x),
    update<uint32_t>(24, "ds_pk_add_bf16", Atomic::packedAddBf16).on(kGfx94x),
    write<4>(29, "ds_write_addtid_b32"),
    write<1>(30, "ds_write_b8"),
    write<2>(31, "ds_write_b16"),
    fetch<uint32_t>(32, "ds_add_rtn_u32", Atomic::add),
    fetch<uint32_t>(33, "ds_sub_rtn_u32", Atomic::subtract),
    fetch<uint32_t>(34, "ds_rsub_rtn_u32", Atomic::reverseSubtract),
    fetch<uint32_t>(35, "ds_inc_rtn_u32", Atomic::increment),
    fetch<uint32_t>(36, "ds_dec_rtn_u32", Atomic::decrement),
    fetch<uint32_t>(37, "ds_min_rtn_i32", Atomic::signedMin),
    fetch<uint32_t>(38, "ds_max_rtn_i32", Atomic::signedMax),
    fetch<uint32_t>(39, "ds_min_rtn_u32", Atomic::unsignedMin),
    fetch<uint32_t>(40, "ds_max_rtn_u32", Atomic::unsignedMax),
    fetch<uint32_t>(41, "ds_and_rtn_b32", Atomic::bitAnd),
    fetch<uint32_t>(42, "ds_or_rtn_b32", Atomic::bitOr),
    fetch<uint32_t>(43, "ds_xor_rtn_b32", Atomic::bitXor),
    fetch<uint32_t>(44, "ds_mskor_rtn_b32", Atomic::maskedOr),
    fetch<uint32_t>(45, "ds_wrxchg_rtn_b32", Atomic::swap),
    exchange2<uint32_t>(46, "ds_wrxchg2_rtn_b32"),
    exchange2<uint32_t>(47, "ds_wrxchg2st64_rtn_b32"),
    fetch<uint32_t>(48, "ds_cmpst_rtn_b32", Atomic::compareSwap),
    fetch<uint32_t>(49, "ds_cmpst_rtn_f32", Atomic::floatCompareSwap),
    fetch<uint32_t>(50, "ds_min_rtn_f32", Atomic::floatMin),
    fetch<uint32_t>(51, "ds_max_rtn_f32", Atomic::floatMax),
    fetch<uint32_t>(52, "ds_wrap_rtn_b32", Atomic::wrap),
    fetch<uint32_t>(53, "ds_add_rtn_f32", Atomic::floatAdd),
    read<4>(54, "ds_read_b32"),
    read2<4>(55, "ds_read2_b32"),
    read2<4>(56, "ds_read2st64_b32"),
    read<1>(57, "ds_read_i8").isSigned(),
    read<1>(58, "ds_read_u8"),
    read<2>(59, "ds_read_i16").isSigned(),
    read<2>(60, "ds_read_u16"),
    crossbar(61, "ds_swizzle_b32", ldsSwizzle),
    crossbar(62, "ds_permute_b32", ldsPermute),
    crossbar(63, "ds_bpermute_b32", ldsBackwardPermute),
    update<uint64_t>(64, "ds_add_u64", Atomic::add),
    update<uint64_t>(65, "ds_sub_u64", Atomic::subtract),
    update<uint64_t>(66, "ds_rsub_u64", Atomic::reverseSubtract),
    update<uint64_t>(67, "ds_inc_u64", Atomic::increment),
    update<uint64_t>(68, "ds_dec_u64", Atomic::decrement),
    update<uint64_t>(69, "ds_min_i64", Atomic::signedMin),
    update<uint64_t>(70, "ds_max_i64", Atomic::signedMax),
    update<uint64_t>(71, "ds_min_u64", Atomic::unsignedMin),
    update<uint64_t>(72, "ds_max_u64", Atomic::unsignedMax),
    update<uint64_t>(73, "ds_and_b64", Atomic::bitAnd),
    update<uint64_t>(74, "ds_or_b64", Atomic::bitOr),
    update<uint64_t>(75, "ds_xor_b64", Atomic::bitXor),
    update<uint64_t>(76, "ds_mskor_b64", Atomic::maskedOr),
    write<8>(77, "ds_write_b64"),
    write2<8>(78, "ds_write2_b64"),
    write2<8>(79, "ds_write2st64_b64"),
    update<uint64_t>(80, "ds_cmpst_b64", Atomic::compareSwap),
    update<uint64_t>(81, "ds_cmpst_f64", Atomic::floatCompareSwap),
    update<uint64_t>(82, "ds_min_f64", Atomic::floatMin),
    update<uint64_t>(83, "ds_max_f64", Atomic::floatMax),
    write<1>(84, "ds_write_b8_d16_hi").high(),
    write<2>(85, "ds_write_b16_d16_hi").high(),
    read<1>(86, "ds_read_u8_d16").low(),
    read<1>(87, "ds_read_u8_d16_hi").high(),
    read<1>(88, "ds_read_i8_d16").isSigned().low(),
    read<1>(89, "ds_read_i8_d16_hi").isSigned().high(),
    read<2>(90, "ds_read_u16_d16").low(),
    read<2>(91, "ds_read_u16_d16_hi").high(),
    update<uint64_t>(92, "ds_add_f64", Atomic::floatAdd),
    fetch<uint64_t>(96, "ds_add_rtn_u64", Atomic::add),
    fetch<uint64_t>(97, "ds_sub_rtn_u64", Atomic::subtract),
    fetch<uint64_t>(98, "ds_rsub_rtn_u64", Atomic::reverseSubtract),
    fetch<uint64_t>(99, "ds_inc_rtn_u64", Atomic::increment),
    fetch<uint64_t>(100, "ds_dec_rtn_u64", Atomic::decrement),
    fetch<uint64_t>(101, "ds_min_rtn_i64", Atomic::signedMin),
    fetch<uint64_t>(102, "ds_max_rtn_i64", Atomic::signedMax),
    fetch<uint64_t>(103, "ds_min_rtn_u64", Atomic::unsignedMin),
    fetch<uint64_t>(104, "ds_max_rtn_u64", Atomic::unsignedMax),
    fetch<uint64_t>(105, "ds_and_rtn_b64", Atomic::bitAnd),
    fetch<uint64_t>(106, "ds_or_rtn_b64", Atomic::bitOr),
    fetch<uint64_t>(107, "ds_xor_rtn_b64", Atomic::bitXor),
    fetch<uint64_t>(108, "ds_mskor_rtn_b64", Atomic::maskedOr),
    fetch<uint64_t>(109, "ds_wrxchg_rtn_b64", Atomic::swap),
    exchange2<uint64_t>(110, "ds_wrxchg2_rtn_b64"),
    exchange2<uint64_t>(111, "ds_wrxchg2st64_rtn_b64"),
    fetch<uint64_t>(112, "ds_cmpst_rtn_b64", Atomic::compareSwap),
    fetch<uint64_t>(113, "ds_cmpst_rtn_f64", Atomic::floatCompareSwap),
    fetch<uint64_t>(114, "ds_min_rtn_f64", Atomic::floatMin),
    fetch<uint64_t>(115, "ds_max_rtn_f64", Atomic::floatMax),
    read<8>(118, "ds_read_b64"),
    read2<8>(119, "ds_read2_b64"),
    read2<8>(120, "ds_read2st64_b64"),
    fetch<uint64_t>(124, "ds_add_rtn_f64", Atomic::floatAdd),
    unmodelled(126, "ds_condxchg32_rtn_b64", InstructionClass::lds),
    unmodelled(152, "ds_gws_sema_release_all", InstructionClass::lds),
    unmodelled(153, "ds_gws_init", InstructionClass::lds),
    unmodelled(154, "ds_gws_sema_v", InstructionClass::lds),
    unmodelled(155, "ds_gws_sema_br", InstructionClass::lds),
    unmodelled(156, "ds_gws_sema_p", InstructionClass::lds),
    unmodelled(157, "ds_gws_barrier", InstructionClass::lds),
    read<4>(182, "ds_read_addtid_b32"),
    fetch<uint32_t>(183, "ds_pk_add_rtn_f16", Atomic::packedAddF16).on(kGfx94x),
    fetch<uint32_t>(184, "ds_pk_add_rtn_bf16", Atomic::packedAddBf16).on(kGfx94x),
    unmodelled(189, "ds_consume", InstructionClass::lds),
    unmodelled(190, "ds_append", InstructionClass::lds),
    write<12>(222, "ds_write_b96"),
    write<16>(223, "ds_write_b128"),
    transposed<4>(224, "ds_read_b64_tr_b4", 8).on(kGfx950),
    transposed<6>(225, "ds_read_b96_tr_b6", 12).on(kGfx950),
    transposed<8>(226, "ds_read_b64_tr_b8", 8).on(kGfx950),
    transposed<16>(227, "ds_read_b64_tr_b16", 8).on(kGfx950),
    read<12>(254, "ds_read_b96"),
    read<16>(255, "ds_read_b128"),
};

}  // namespace

MemoryTable dsTable() { return {kDs, sizeof kDs / sizeof *kDs}; }

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
