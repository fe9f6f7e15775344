#include <cstring>

#include "decode/decoder.h"
#include "decode/tables/rows.h"
#include "execute/operands.h"
#include "isa/fields.h"

// Decodes SOP1, SOP2, SOPC, SOPK and SOPP.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

bool isSource(unsigned code) {
  if (code >= 209 && code <= 234) return false;
  return code != 125 && code != 239 && code != 249 && code != 250 && code != 254;
}

/// Sources from the low byte on; a literal follows the instruction.
bool decodeSources(int count, const uint32_t* words, uint64_t available, Instruction* out) {
  for (int k = 0; k < count; k++) {
    const unsigned code = field(words[0], 8 * k, 8 * k + 7);
    if (!isSource(code)) return false;
    out->source[k].code = static_cast<uint16_t>(code);
    if (code != reg::literal) continue;
    if (available < 2) return false;
    out->dwords = 2;
    out->literal = words[1];
  }
  return true;
}

/// A 64-bit result in exec_hi would reach into the constants.
bool resultFits(const Opcode& opcode, const Instruction& i) {
  if (i.destination != reg::execHi) return true;
  const size_t length = std::strlen(opcode.mnemonic);
  const bool wide = std::strcmp(opcode.mnemonic + length - 2, "64") == 0 ||
                    std::strcmp(opcode.mnemonic, "s_bitreplicate_b64_b32") == 0;
  return !wide;
}

bool finish(const Opcode* opcode, Instruction* out) {
  if (!opcode || !resultFits(*opcode, *out)) return false;
  out->opcode = opcode;
  out->execute = opcode->execute;
  return true;
}

bool decodeSopk(Target target, const uint32_t* words, uint64_t available, Instruction* out) {
  const unsigned opcode = field(words[0], 23, 27);
  out->format = Format::sopk;
  out->destination = static_cast<uint16_t>(field(words[0], 16, 22));
  out->offset = signExtend(field(words[0], 0, 15), 16);
  if (opcode >= 2 && opcode <= 13) {  // comparisons; those of unsigned values do not extend the sign
    out->source[0].code = out->destination;
    out->source[1].code = reg::literal;
    out->literal = opcode >= 8 ? field(words[0], 0, 15) : static_cast<uint32_t>(out->offset);
  }
  if (opcode == 20) {  // s_setreg_imm32_b32
    if (available < 2) return false;
    out->dwords = 2;
    out->literal = words[1];
  }
  return finish(find(sopkTable(), target, opcode), out);
}

}  // namespace

bool decodeScalar(Target target, const uint32_t* words, uint64_t available, Instruction* out) {
  const uint32_t word = words[0];
  switch (word >> 23) {
    case 0x17d:
      out->format = Format::sop1;
      out->destination = static_cast<uint16_t>(field(word, 16, 22));
      // s_getpc_b64 has no source.
      return (field(word, 8, 15) == 28 || decodeSources(1, words, available, out)) &&
             finish(find(sop1Table(), target, field(word, 8, 15)), out);
    case 0x17e: {
      out->format = Format::sopc;
      const unsigned opcode = field(word, 16, 22);
      // s_set_gpr_idx_on has a constant where other opcodes have their second source.
      const bool setsIndex = opcode == 17;
      if (!decodeSources(setsIndex ? 1 : 2, words, available, out)) return false;
      if (setsIndex) out->source[1].code = static_cast<uint16_t>(field(word, 8, 15));
      return finish(find(sopcTable(), target, opcode), out);
    }
    case 0x17f:
      out->format = Format::sopp;
      out->offset = signExtend(field(word, 0, 15), 16);
      return finish(find(soppTable(), target, field(word, 16, 22)), out);
    default:
      break;
  }
  if (word >> 28 == 0xb) return decodeSopk(target, words, available, out);
  out->format = Format::sop2;
  out->destination = static_cast<uint16_t>(field(word, 16, 22));
  return decodeSources(2, words, available, out) &&
         finish(find(sop2Table(), target, field(word, 23, 29)), out);
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
