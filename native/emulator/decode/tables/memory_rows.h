#pragma once

#include <cstddef>

#include "execute/memory.h"
#include "execute/not_modelled.h"
#include "isa/fields.h"
#include "isa/instruction.h"

// Rows of the memory formats' opcode tables, and what builds them.

namespace emulator {
namespace EMULATOR_LEVEL {

struct MemoryRow {
  uint16_t code;  ///< the opcode field
  Opcode opcode;
  uint8_t bytes = 0;      ///< per lane and access (scalar memory: in all)
  uint8_t results = 0;    ///< registers written, where the instruction gives a result
  uint8_t operands = 0;   ///< data registers read
  uint8_t operands1 = 0;  ///< second data registers read
  uint8_t half = 0;       ///< as Instruction::half
  bool signedData = false;
  bool toLds = false;
  bool twoAddresses = false;
  bool isBuffer = false;  ///< as MemoryFields::isBuffer
  Atomic atomic = Atomic::swap;
  Targets targets = kAllTargets;

  constexpr MemoryRow on(Targets some) const {
    MemoryRow row = *this;
    row.targets = some;
    return row;
  }
  constexpr MemoryRow isSigned() const {
    MemoryRow row = *this;
    row.signedData = true;
    return row;
  }
  /// Data of 16 bits in the low half of a register (the other half stays), or in the high one.
  constexpr MemoryRow low() const { return ofHalf(1); }
  constexpr MemoryRow high() const { return ofHalf(2); }
  /// A load into LDS instead of registers.
  constexpr MemoryRow intoLds() const {
    MemoryRow row = *this;
    row.toLds = true;
    row.results = 0;
    return row;
  }
  constexpr MemoryRow throughBuffer() const {
    MemoryRow row = *this;
    row.isBuffer = true;
    return row;
  }
  /// Two accesses, each with registers of its own.
  constexpr MemoryRow twice() const {
    MemoryRow row = *this;
    row.twoAddresses = true;
    row.results = static_cast<uint8_t>(2 * results);
    row.operands1 = operands;
    return row;
  }

 private:
  constexpr MemoryRow ofHalf(uint8_t which) const {
    MemoryRow row = *this;
    row.half = which;
    return row;
  }
};

constexpr uint8_t registersOf(size_t bytes) { return static_cast<uint8_t>((bytes + 3) / 4); }

constexpr MemoryRow memoryRow(uint16_t code, const char* name, InstructionClass cls, Execute execute,
                              size_t bytes, bool reads, bool writes) {
  MemoryRow row{};
  row.code = code;
  row.opcode = {name, cls, 32, execute, nullptr, reads, writes};
  row.bytes = static_cast<uint8_t>(bytes);
  return row;
}

constexpr MemoryRow load(uint16_t code, const char* name, Execute execute, size_t bytes,
                         InstructionClass cls = InstructionClass::vectorMemory) {
  MemoryRow row = memoryRow(code, name, cls, execute, bytes, true, false);
  row.results = registersOf(bytes);
  return row;
}
constexpr MemoryRow store(uint16_t code, const char* name, Execute execute, size_t bytes,
                          InstructionClass cls = InstructionClass::vectorMemory) {
  MemoryRow row = memoryRow(code, name, cls, execute, bytes, false, true);
  row.operands = registersOf(bytes);
  return row;
}
/// A comparing one has its two operands side by side (DS: one in each data register).
constexpr MemoryRow atomic(uint16_t code, const char* name, Execute execute, size_t bytes, Atomic kind,
                           InstructionClass cls = InstructionClass::vectorMemory) {
  MemoryRow row = memoryRow(code, name, cls, execute, bytes, true, true);
  row.atomic = kind;
  row.results = registersOf(bytes);
  row.operands = static_cast<uint8_t>(registersOf(bytes) * (kind == Atomic::compareSwap ? 2 : 1));
  return row;
}
constexpr MemoryRow unmodelled(uint16_t code, const char* name, InstructionClass cls) {
  return memoryRow(code, name, cls, notModelled, 0, false, false);
}
/// One that only orders or flushes caches, which the emulator does not have.
constexpr MemoryRow ordering(uint16_t code, const char* name, InstructionClass cls) {
  return memoryRow(code, name, cls, noEffect, 0, false, false);
}

/// Loads and stores of FLAT, GLOBAL, SCRATCH and MUBUF, which have numbers and names in common: `space`
/// begins those of the instructions and of their handlers.
#define LOAD_AND_STORE_ROWS(space)                                                \
  load(16, #space "_load_ubyte", space##Load<1>, 1),                              \
      load(17, #space "_load_sbyte", space##Load<1>, 1).isSigned(),               \
      load(18, #space "_load_ushort", space##Load<2>, 2),                         \
      load(19, #space "_load_sshort", space##Load<2>, 2).isSigned(),              \
      load(20, #space "_load_dword", space##Load<4>, 4),                          \
      load(21, #space "_load_dwordx2", space##Load<8>, 8),                        \
      load(22, #space "_load_dwordx3", space##Load<12>, 12),                      \
      load(23, #space "_load_dwordx4", space##Load<16>, 16),                      \
      store(24, #space "_store_byte", space##Store<1>, 1),                        \
      store(25, #space "_store_byte_d16_hi", space##Store<1>, 1).high(),          \
      store(26, #space "_store_short", space##Store<2>, 2),                       \
      store(27, #space "_store_short_d16_hi", space##Store<2>, 2).high(),         \
      store(28, #space "_store_dword", space##Store<4>, 4),                       \
      store(29, #space "_store_dwordx2", space##Store<8>, 8),                     \
      store(30, #space "_store_dwordx3", space##Store<12>, 12),                   \
      store(31, #space "_store_dwordx4", space##Store<16>, 16),                   \
      load(32, #space "_load_ubyte_d16", space##Load<1>, 1).low(),                \
      load(33, #space "_load_ubyte_d16_hi", space##Load<1>, 1).high(),            \
      load(34, #space "_load_sbyte_d16", space##Load<1>, 1).isSigned().low(),     \
      load(35, #space "_load_sbyte_d16_hi", space##Load<1>, 1).isSigned().high(), \
      load(36, #space "_load_short_d16", space##Load<2>, 2).low(),                \
      load(37, #space "_load_short_d16_hi", space##Load<2>, 2).high()

/// Integer atomics, from number `first` on those of 32 bits, 32 numbers later those of 64: `row<T>` builds
/// one.
#define INTEGER_ATOMIC_ROWS(row, prefix, first)        \
  SIZED_ATOMIC_ROWS(row<uint32_t>, prefix, "", first), \
      SIZED_ATOMIC_ROWS(row<uint64_t>, prefix, "_x2", first + 32)
#define SIZED_ATOMIC_ROWS(row, prefix, suffix, first)                       \
  row(first + 0, prefix "_atomic_swap" suffix, Atomic::swap),               \
      row(first + 1, prefix "_atomic_cmpswap" suffix, Atomic::compareSwap), \
      row(first + 2, prefix "_atomic_add" suffix, Atomic::add),             \
      row(first + 3, prefix "_atomic_sub" suffix, Atomic::subtract),        \
      row(first + 4, prefix "_atomic_smin" suffix, Atomic::signedMin),      \
      row(first + 5, prefix "_atomic_umin" suffix, Atomic::unsignedMin),    \
      row(first + 6, prefix "_atomic_smax" suffix, Atomic::signedMax),      \
      row(first + 7, prefix "_atomic_umax" suffix, Atomic::unsignedMax),    \
      row(first + 8, prefix "_atomic_and" suffix, Atomic::bitAnd),          \
      row(first + 9, prefix "_atomic_or" suffix, Atomic::bitOr),            \
      row(first + 10, prefix "_atomic_xor" suffix, Atomic::bitXor),         \
      row(first + 11, prefix "_atomic_inc" suffix, Atomic::increment),      \
      row(first + 12, prefix "_atomic_dec" suffix, Atomic::decrement)

struct MemoryTable {
  const MemoryRow* rows;
  size_t count;
};
MemoryTable dsTable(), flatTable(), globalTable(), scratchTable(), mubufTable(), smemTable();

/// The row with this opcode that `target` has, or null.
const MemoryRow* find(const MemoryTable& table, Target target, uint32_t code);

/// Fills in what a row says of its instruction.
void apply(const MemoryRow& row, Instruction* out);

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
