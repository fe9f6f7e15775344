#pragma once

#include "decode/decoder.h"
#include "execute/atomics.h"
#include "execute/not_modelled.h"
#include "isa/fields.h"

namespace emulator {
namespace EMULATOR_LEVEL {

/// One row of a memory opcode table.
struct MemoryOpcode {
  uint16_t code;  ///< the opcode field
  Opcode opcode;
  uint8_t bytes;      ///< per lane and access (scalar memory: in all)
  uint8_t results;    ///< registers written, where the instruction gives a result
  uint8_t operands;   ///< data registers read
  uint8_t operands1;  ///< second data registers read
  uint8_t half;       ///< as Instruction::half
  bool signedData;    ///< as Instruction::signedData
  Atomic atomic;      ///< atomics: what they compute
  Targets targets;
};

/// The row with this opcode that `target` has, or null.
template <int kRows>
inline const MemoryOpcode* findOpcode(const MemoryOpcode (&table)[kRows], Target target, uint32_t code) {
  for (const MemoryOpcode& row : table) {
    if (row.code == code && has(row.targets, target)) return &row;
  }
  return nullptr;
}

inline void apply(const MemoryOpcode& row, Instruction* out) {
  out->opcode = &row.opcode;
  out->execute = row.opcode.execute;
  out->dwords = 2;
  out->bytes = row.bytes;
  out->results = row.results;
  out->operands = row.operands;
  out->operands1 = row.operands1;
  out->half = row.half;
  out->signedData = row.signedData;
  out->extra[0] = static_cast<uint32_t>(row.atomic);
}

/// The operand code of vector register `index`, of the accumulation registers where `accumulation` says so.
constexpr uint16_t vectorCode(uint32_t index, bool accumulation) {
  return static_cast<uint16_t>(256 + index + (accumulation ? 256 : 0));
}

/// Whether `count` registers from vector register `index` on exist.
constexpr bool fits(uint32_t index, uint32_t count) { return index + count <= 256; }

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
