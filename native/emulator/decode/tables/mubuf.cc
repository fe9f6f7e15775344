#include "decode/tables/memory_rows.h"

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

template <class T>
constexpr MemoryRow bufferAtomicRow(uint16_t code, const char* name, Atomic kind) {
  return atomic(code, name, bufferAtomic<T>, sizeof(T), kind);
}

const MemoryRow kMubuf[] = {
    unmodelled(0, "buffer_load_format_x", InstructionClass::vectorMemory),
    unmodelled(1, "buffer_load_format_xy", InstructionClass::vectorMemory),
    unmodelled(2, "buffer_load_format_xyz", InstructionClass::vectorMemory),
    unmodelled(3, "buffer_load_format_xyzw", InstructionClass::vectorMemory),
    unmodelled(4, "buffer_store_format_x", InstructionClass::vectorMemory),
    unmodelled(5, "buffer_store_format_xy", InstructionClass::vectorMemory),
    unmodelled(6, "buffer_store_format_xyz", InstructionClass::vectorMemory),
    unmodelled(7, "buffer_store_format_xyzw", InstructionClass::vectorMemory),
    unmodelled(8, "buffer_load_format_d16_x", InstructionClass::vectorMemory),
    unmodelled(9, "buffer_load_format_d16_xy", InstructionClass::vectorMemory),
    unmodelled(10, "buffer_load_format_d16_xyz", InstructionClass::vectorMemory),
    unmodelled(11, "buffer_load_format_d16_xyzw", InstructionClass::vectorMemory),
    unmodelled(12, "buffer_store_format_d16_x", InstructionClass::vectorMemory),
    unmodelled(13, "buffer_store_format_d16_xy", InstructionClass::vectorMemory),
    unmodelled(14, "buffer_store_format_d16_xyz", InstructionClass::vectorMemory),
    unmodelled(15, "buffer_store_format_d16_xyzw", InstructionClass::vectorMemory),
    unmodelled(38, "buffer_load_format_d16_hi_x", InstructionClass::vectorMemory),
    unmodelled(39, "buffer_store_format_d16_hi_x", InstructionClass::vectorMemory),
    LOAD_AND_STORE_ROWS(buffer),
    INTEGER_ATOMIC_ROWS(bufferAtomicRow, "buffer", 64),
    bufferAtomicRow<uint32_t>(77, "buffer_atomic_add_f32", Atomic::floatAdd),
    bufferAtomicRow<uint32_t>(78, "buffer_atomic_pk_add_f16", Atomic::packedAddF16),
    bufferAtomicRow<uint64_t>(79, "buffer_atomic_add_f64", Atomic::floatAdd),
    bufferAtomicRow<uint64_t>(80, "buffer_atomic_min_f64", Atomic::floatMin),
    bufferAtomicRow<uint64_t>(81, "buffer_atomic_max_f64", Atomic::floatMax),
    bufferAtomicRow<uint32_t>(82, "buffer_atomic_pk_add_bf16", Atomic::packedAddBf16).on(kGfx950),
    ordering(40, "buffer_wbl2", InstructionClass::other),
    ordering(41, "buffer_invl2", InstructionClass::other).on(kGfx90a),
    ordering(41, "buffer_inv", InstructionClass::other).on(kGfx94x),
    ordering(62, "buffer_wbinvl1", InstructionClass::other).on(kGfx90a),
    ordering(63, "buffer_wbinvl1_vol", InstructionClass::other).on(kGfx90a),
};

}  // namespace

MemoryTable mubufTable() { return {kMubuf, sizeof kMubuf / sizeof *kMubuf}; }

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
