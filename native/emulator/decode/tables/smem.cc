#include "decode/tables/memory_rows.h"

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

constexpr InstructionClass kClass = InstructionClass::scalarMemory;

constexpr MemoryRow time(uint16_t code, const char* name) {
  MemoryRow row = memoryRow(code, name, kClass, scalarTime, 0, false, false);
  row.results = 2;
  return row;
}
template <class T>
constexpr MemoryRow atomicRow(uint16_t code, const char* name, Atomic kind) {
  return atomic(code, name, scalarAtomic<T>, sizeof(T), kind, kClass);
}
template <class T>
constexpr MemoryRow bufferAtomicRow(uint16_t code, const char* name, Atomic kind) {
  return atomicRow<T>(code, name, kind).throughBuffer();
}

const MemoryRow kSmem[] = {
    load(0, "s_load_dword", scalarLoad, 4, kClass),
    load(1, "s_load_dwordx2", scalarLoad, 8, kClass),
    load(2, "s_load_dwordx4", scalarLoad, 16, kClass),
    load(3, "s_load_dwordx8", scalarLoad, 32, kClass),
    load(4, "s_load_dwordx16", scalarLoad, 64, kClass),
    unmodelled(5, "s_scratch_load_dword", kClass),
    unmodelled(6, "s_scratch_load_dwordx2", kClass),
    unmodelled(7, "s_scratch_load_dwordx4", kClass),
    load(8, "s_buffer_load_dword", scalarLoad, 4, kClass).throughBuffer(),
    load(9, "s_buffer_load_dwordx2", scalarLoad, 8, kClass).throughBuffer(),
    load(10, "s_buffer_load_dwordx4", scalarLoad, 16, kClass).throughBuffer(),
    load(11, "s_buffer_load_dwordx8", scalarLoad, 32, kClass).throughBuffer(),
    load(12, "s_buffer_load_dwordx16", scalarLoad, 64, kClass).throughBuffer(),
    store(16, "s_store_dword", scalarStore, 4, kClass),
    store(17, "s_store_dwordx2", scalarStore, 8, kClass),
    store(18, "s_store_dwordx4", scalarStore, 16, kClass),
    unmodelled(21, "s_scratch_store_dword", kClass),
    unmodelled(22, "s_scratch_store_dwordx2", kClass),
    unmodelled(23, "s_scratch_store_dwordx4", kClass),
    store(24, "s_buffer_store_dword", scalarStore, 4, kClass).throughBuffer(),
    store(25, "s_buffer_store_dwordx2", scalarStore, 8, kClass).throughBuffer(),
    store(26, "s_buffer_store_dwordx4", scalarStore, 16, kClass).throughBuffer(),
    ordering(32, "s_dcache_inv", kClass),
    ordering(33, "s_dcache_wb", kClass),
    ordering(34, "s_dcache_inv_vol", kClass),
    ordering(35, "s_dcache_wb_vol", kClass),
    time(36, "s_memtime"),
    time(37, "s_memrealtime"),
    unmodelled(38, "s_atc_probe", kClass),
    unmodelled(39, "s_atc_probe_buffer", kClass),
    unmodelled(40, "s_dcache_discard", kClass),
    unmodelled(41, "s_dcache_discard_x2", kClass),
    INTEGER_ATOMIC_ROWS(bufferAtomicRow, "s_buffer", 64),
    INTEGER_ATOMIC_ROWS(atomicRow, "s", 128),
};

}  // namespace

MemoryTable smemTable() { return {kSmem, sizeof kSmem / sizeof *kSmem}; }

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
