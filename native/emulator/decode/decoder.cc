#include "decode/decoder.h"

#include "decode/tables/rows.h"
#include "isa/fields.h"

namespace emulator {
namespace EMULATOR_LEVEL {

const Opcode* find(const Table& table, Target target, unsigned opcode) {
  for (size_t i = 0; i < table.count; i++) {
    const Row& row = table.rows[i];
    if (row.opcode == opcode && has(row.targets, target)) return &row.definition;
  }
  return nullptr;
}

bool decode(Target target, const uint32_t* words, uint64_t available, Instruction* out) {
  if (available == 0) return false;
  *out = Instruction();
  const uint32_t word = words[0];
  if (word >> 31 == 0) return decodeVector(target, words, available, out);
  if (word >> 30 == 2) return decodeScalar(target, words, available, out);
  switch (word >> 26) {
    case 0x30:
      return decodeSmem(target, words, available, out);
    case 0x34: {
      // VOP3P holds the matrix instructions, too.
      const unsigned opcode = field(word, 16, 22);
      const bool packed = word >> 23 == 0x1a7;
      const bool matrix = opcode >= 64 || (opcode >= 44 && opcode <= 46) || (opcode >= 53 && opcode <= 63);
      return packed && matrix ? decodeMatrix(target, words, available, out)
                              : decodeVector(target, words, available, out);
    }
    case 0x36:
      return decodeDs(target, words, available, out);
    case 0x37:
      return decodeFlat(target, words, available, out);
    case 0x38:
      return decodeMubuf(target, words, available, out);
    default:
      return false;
  }
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
