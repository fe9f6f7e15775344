#include "decode/tables/memory_rows.h"

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

template <class T>
constexpr MemoryRow flatAtomicRow(uint16_t code, const char* name, Atomic kind) {
  return atomic(code, name, flatAtomic<T>, sizeof(T), kind);
}
template <class T>
constexpr MemoryRow globalAtomicRow(uint16_t code, const char* name, Atomic kind) {
  return atomic(code, name, globalAtomic<T>, sizeof(T), kind);
}

const MemoryRow kFlat[] = {
    LOAD_AND_STORE_ROWS(flat),
    INTEGER_ATOMIC_ROWS(flatAtomicRow, "flat", 64),
    flatAtomicRow<uint32_t>(77, "flat_atomic_add_f32", Atomic::floatAdd).on(kGfx94x),
    flatAtomicRow<uint32_t>(78, "flat_atomic_pk_add_f16", Atomic::packedAddF16).on(kGfx94x),
    flatAtomicRow<uint64_t>(79, "flat_atomic_add_f64", Atomic::floatAdd),
    flatAtomicRow<uint64_t>(80, "flat_atomic_min_f64", Atomic::floatMin),
    flatAtomicRow<uint64_t>(81, "flat_atomic_max_f64", Atomic::floatMax),
    flatAtomicRow<uint32_t>(82, "flat_atomic_pk_add_bf16", Atomic::packedAddBf16).on(kGfx94x),
};

const MemoryRow kGlobal[] = {
    LOAD_AND_STORE_ROWS(global),
    load(38, "global_load_lds_ubyte", globalLoadLds<1>, 1).intoLds().on(kGfx94x),
    load(39, "global_load_lds_sbyte", globalLoadLds<1>, 1).isSigned().intoLds().on(kGfx94x),
    load(40, "global_load_lds_ushort", globalLoadLds<2>, 2).intoLds().on(kGfx94x),
    load(41, "global_load_lds_sshort", globalLoadLds<2>, 2).isSigned().intoLds().on(kGfx94x),
    load(42, "global_load_lds_dword", globalLoadLds<4>, 4).intoLds().on(kGfx94x),
    load(125, "global_load_lds_dwordx4", globalLoadLds<16>, 16).intoLds().on(kGfx950),
    load(126, "global_load_lds_dwordx3", globalLoadLds<12>, 12).intoLds().on(kGfx950),
    INTEGER_ATOMIC_ROWS(globalAtomicRow, "global", 64),
    globalAtomicRow<uint32_t>(77, "global_atomic_add_f32", Atomic::floatAdd),
    globalAtomicRow<uint32_t>(78, "global_atomic_pk_add_f16", Atomic::packedAddF16),
    globalAtomicRow<uint64_t>(79, "global_atomic_add_f64", Atomic::floatAdd),
    globalAtomicRow<uint64_t>(80, "global_atomic_min_f64", Atomic::floatMin),
    globalAtomicRow<uint64_t>(81, "global_atomic_max_f64", Atomic::floatMax),
    globalAtomicRow<uint32_t>(82, "global_atomic_pk_add_bf16", Atomic::packedAddBf16).on(kGfx94x),
};

const MemoryRow kScratch[] = {
    LOAD_AND_STORE_ROWS(scratch),
    unmodelled(38, "scratch_load_lds_ubyte", InstructionClass::vectorMemory).on(kGfx94x),
    unmodelled(39, "scratch_load_lds_sbyte", InstructionClass::vectorMemory).on(kGfx94x),
    unmodelled(40, "scratch_load_lds_ushort", InstructionClass::vectorMemory).on(kGfx94x),
    unmodelled(41, "scratch_load_lds_sshort", InstructionClass::vectorMemory).on(kGfx94x),
    unmodelled(42, "scratch_load_lds_dword", InstructionClass::vectorMemory).on(kGfx94x),
};

}  // namespace

MemoryTable flatTable() { return {kFlat, sizeof kFlat / sizeof *kFlat}; }
MemoryTable globalTable() { return {kGlobal, sizeof kGlobal / sizeof *kGlobal}; }
MemoryTable scratchTable() { return {kScratch, sizeof kScratch / sizeof *kScratch}; }

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
