#include "decode/tables/memory_rows.h"

namespace emulator {
namespace EMULATOR_LEVEL {

const MemoryRow* find(const MemoryTable& table, Target target, uint32_t code) {
  for (size_t i = 0; i < table.count; i++) {
    const MemoryRow& row = table.rows[i];
    if (row.code == code && has(row.targets, target)) return &row;
  }
  return nullptr;
}

void apply(const MemoryRow& row, Instruction* out) {
  out->opcode = &row.opcode;
  out->execute = row.opcode.execute;
  out->dwords = 2;
  out->bytes = row.bytes;
  out->results = row.results;
  out->operands = row.operands;
  out->operands1 = row.operands1;
  out->half = row.half;
  out->signedData = row.signedData;
  out->toLds = row.toLds;
  out->memory = MemoryFields{row.atomic, 0, row.twoAddresses, false, row.isBuffer};
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
