#include "decode/decoder.h"
#include "decode/tables/rows.h"
#include "execute/not_modelled.h"
#include "execute/operands.h"
#include "isa/fields.h"

// Decodes VOP1, VOP2, VOPC (with their SDWA and DPP forms), VOP3 and VOP3P.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

constexpr int kSdwa = 249, kDpp = 250;

bool isSource(unsigned code) {
  if (code >= 256) return true;
  if (code >= 209 && code <= 234) return false;
  return code != 125 && code != 239 && code != kSdwa && code != kDpp && code != 254;
}

/// Whether a VOPC opcode is a v_cmpx, whose mask becomes EXEC, too: they follow 16 opcodes behind their
/// v_cmp, those of classes one behind.
constexpr bool isComparisonOfExec(unsigned opcode) { return opcode < 32 ? opcode & 1 : opcode & 16; }

bool isModified(const Instruction& i) {
  if (i.sdwa || i.dpp || i.clamp || i.outputModifier || i.destinationSelect != 6) return true;
  for (const Operand& source : i.source)
    if (source.negate || source.absolute || source.select != 6) return true;
  return false;
}

/// Chooses who executes a decoded vector instruction; false where its operands or modifiers are not valid.
bool bind(const Opcode& opcode, Instruction* out) {
  out->opcode = &opcode;
  out->execute = opcode.execute;
  if (!opcode.vector) return true;
  const VectorHandlers* handlers = opcode.vector;
  for (int k = 0; k < handlers->sources; k++) {
    const Operand& source = out->source[k];
    if (!isSource(source.code)) return false;
    const bool modifiable = handlers->floatSources >> k & 1 || handlers->resultBits == 0;
    if ((source.negate || source.absolute) && !modifiable) return false;
  }
  // A mask in exec_hi would reach into the constants.
  if (out->scalarDestination >= reg::execHi) return false;
  const bool integer = !handlers->floatResult && handlers->resultBits > 1;
  if (out->clamp && (integer || handlers->saturating)) {
    // Integers saturate; where the ISA document gives clamp no meaning, neither does the emulator.
    out->clamp = false;
    if (!handlers->saturating) {
      out->execute = modifiersNotModelled;
      return true;
    }
    handlers = handlers->saturating;
  }
  bool restAreVectors = true;
  for (int k = 1; k < handlers->sources; k++) restAreVectors &= out->source[k].isVector();
  if (isModified(*out))
    out->execute = handlers->general;
  else if (!restAreVectors)
    out->execute = handlers->plain;
  else
    out->execute = out->source[0].isVector() ? handlers->vectors : handlers->uniformFirst;
  return true;
}

void decodeSdwa(uint32_t word, Instruction* out) {
  out->sdwa = true;
  Operand& first = out->source[0];
  first.code = static_cast<uint16_t>(field(word, 0, 7) + (field(word, 23, 23) ? 0 : 256));
  first.select = static_cast<uint8_t>(field(word, 16, 18));
  first.signExtend = field(word, 19, 19);
  first.negate = field(word, 20, 20);
  first.absolute = field(word, 21, 21);
  if (out->format != Format::vop1) {
    Operand& second = out->source[1];
    if (field(word, 31, 31)) second.code = static_cast<uint16_t>(second.code - 256);
    second.select = static_cast<uint8_t>(field(word, 24, 26));
    second.signExtend = field(word, 27, 27);
    second.negate = field(word, 28, 28);
    second.absolute = field(word, 29, 29);
  }
  if (out->format == Format::vopc) {
    if (field(word, 15, 15)) out->scalarDestination = static_cast<uint16_t>(field(word, 8, 14));
    return;
  }
  out->destinationSelect = static_cast<uint8_t>(field(word, 8, 10));
  out->destinationUnused = static_cast<uint8_t>(field(word, 11, 12));
  out->clamp = field(word, 13, 13);
  out->outputModifier = static_cast<uint8_t>(field(word, 14, 15));
}

bool decodeDpp(uint32_t word, Instruction* out) {
  out->dpp = true;
  out->source[0].code = static_cast<uint16_t>(field(word, 0, 7) + 256);
  out->dppControl = static_cast<uint16_t>(field(word, 8, 16));
  out->boundControl = field(word, 19, 19);
  out->source[0].negate = field(word, 20, 20);
  out->source[0].absolute = field(word, 21, 21);
  out->source[1].negate = field(word, 22, 22);
  out->source[1].absolute = field(word, 23, 23);
  out->bankMask = static_cast<uint8_t>(field(word, 24, 27));
  out->rowMask = static_cast<uint8_t>(field(word, 28, 31));
  return dppControlExists(out->dppControl);
}

/// The third source of VOP2 opcodes that have one: VCC, the literal, or the destination they accumulate into.
void addThirdSource(unsigned opcode, const Opcode& definition, Instruction* out) {
  if (!definition.vector || definition.vector->sources < 3) return;
  const bool readsVcc = opcode == 0 || (opcode >= 28 && opcode <= 30);
  if (readsVcc) {
    out->source[2].code = reg::vccLo;
  } else if (opcode == 23 || opcode == 36) {  // fmamk, madmk: the literal is the second source
    out->source[2].code = out->source[1].code;
    out->source[1].code = reg::literal;
  } else if (opcode == 24 || opcode == 37) {  // fmaak, madak
    out->source[2].code = reg::literal;
  } else {
    out->source[2].code = out->destination;
  }
}

bool decodeShort(Target target, const uint32_t* words, uint64_t available, Instruction* out) {
  const uint32_t word = words[0];
  const unsigned major = field(word, 25, 30);
  unsigned opcode = major;
  const Opcode* definition;
  out->source[0].code = static_cast<uint16_t>(field(word, 0, 8));
  out->source[1].code = static_cast<uint16_t>(256 + field(word, 9, 16));
  out->destination = static_cast<uint16_t>(256 + field(word, 17, 24));
  out->scalarDestination = reg::vccLo;
  if (major == 63) {
    out->format = Format::vop1;
    opcode = field(word, 9, 16);
    definition = find(vop1Table(), target, opcode);
    if (!definition) definition = find(convertVop1Table(), target, opcode);
    out->source[1] = Operand();
    if (opcode == 2) out->destination = static_cast<uint16_t>(out->destination - 256);  // v_readfirstlane
  } else if (major == 62) {
    out->format = Format::vopc;
    opcode = field(word, 17, 24);
    definition = find(vopcTable(), target, opcode);
    out->destination = 0;
    out->writesExec = isComparisonOfExec(opcode);
  } else {
    out->format = Format::vop2;
    definition = find(vop2Table(), target, opcode);
  }
  if (!definition) return false;
  const bool hasLiteral =
      out->format == Format::vop2 && (major == 23 || major == 24 || major == 36 || major == 37);
  const unsigned first = out->source[0].code;
  if (first == kSdwa || first == kDpp || first == reg::literal || hasLiteral) {
    if (available < 2) return false;
    out->dwords = 2;
    out->literal = words[1];
    if (hasLiteral && (first == kSdwa || first == kDpp)) return false;
    if (first == kSdwa) decodeSdwa(words[1], out);
    if (first == kDpp && !decodeDpp(words[1], out)) return false;
  }
  if (out->format == Format::vop2) addThirdSource(opcode, *definition, out);
  return bind(*definition, out);
}

bool hasScalarDestination(unsigned opcode) {
  return (opcode >= kVop2InVop3 + 25 && opcode <= kVop2InVop3 + 30) || opcode == 480 || opcode == 481 ||
         opcode == 488 || opcode == 489;
}

/// VOP3's own 16-bit results leave the other half of the register alone, except for the legacy opcodes.
bool keepsOtherHalf(unsigned opcode, const Opcode& definition) {
  if (opcode < kOwnInVop3 || !definition.vector) return false;
  const bool legacy = (opcode >= 490 && opcode <= 492) || opcode == 494 || opcode == 495;
  return !legacy && (definition.vector->resultBits == 16 || opcode == 563);
}

bool decodeVop3(Target target, const uint32_t* words, uint64_t available, Instruction* out) {
  if (available < 2) return false;
  const uint32_t word = words[0], second = words[1];
  const unsigned opcode = field(word, 16, 25);
  out->format = Format::vop3;
  out->dwords = 2;
  out->longForm = opcode < kOwnInVop3;
  const Opcode* definition;
  bool converts = false;
  if (opcode < kVop2InVop3) {
    definition = find(vopcTable(), target, opcode);
  } else if (opcode < kVop1InVop3) {
    const unsigned short_ = opcode - kVop2InVop3;
    if (short_ == 23 || short_ == 24 || short_ == 36 || short_ == 37) return false;  // need a literal
    definition = find(vop2Table(), target, short_);
  } else if (opcode < kOwnInVop3) {
    const unsigned short_ = opcode - kVop1InVop3;
    if (short_ == 2 || short_ == 81) return false;  // v_readfirstlane and v_swap have no long form
    definition = find(vop1Table(), target, short_);
    if (!definition) converts = (definition = find(convertVop1Table(), target, short_));
  } else {
    definition = find(vop3Table(), target, opcode);
    if (!definition) converts = (definition = find(convertVop3Table(), target, opcode));
  }
  if (!definition) return false;

  for (int k = 0; k < 3; k++) {
    out->source[k].code = static_cast<uint16_t>(field(second, 9 * k, 9 * k + 8));
    out->source[k].negate = field(second, 29 + k, 29 + k);
    if (definition->vector && k < definition->vector->sources && out->source[k].code == reg::literal)
      return false;
  }
  out->destination = static_cast<uint16_t>(256 + field(word, 0, 7));
  out->clamp = field(word, 15, 15);
  out->outputModifier = static_cast<uint8_t>(field(second, 27, 28));
  if (opcode < kVop2InVop3) {
    out->writesExec = isComparisonOfExec(opcode);
    out->scalarDestination = static_cast<uint16_t>(field(word, 0, 7));
    out->destination = 0;
  }
  if (opcode == 649) {  // v_readlane_b32
    out->destination = static_cast<uint16_t>(out->destination - 256);
    if (out->destination > reg::execHi) return false;
  }
  if (hasScalarDestination(opcode)) {
    out->scalarDestination = static_cast<uint16_t>(field(word, 8, 14));
  } else if (opcode == 563 || opcode == 564) {  // v_bitop3: the truth table is where modifiers would be
    out->truthTable = field(second, 27, 28) << 6 | field(word, 8, 10) << 3 | field(second, 29, 31);
    out->outputModifier = 0;
    for (Operand& source : out->source) source.negate = false;
    out->opSel = static_cast<uint8_t>(field(word, 11, 14));
  } else {
    for (int k = 0; k < 3; k++) out->source[k].absolute = field(word, 8 + k, 8 + k);
    out->opSel = static_cast<uint8_t>(field(word, 11, 14));
  }
  if (!converts && out->opSel) {
    if (opcode < kOwnInVop3) return false;
    for (int k = 0; k < 3; k++)
      if (out->opSel >> k & 1) out->source[k].select = 5;
  }
  if (!converts && keepsOtherHalf(opcode, *definition)) {
    out->destinationSelect = out->opSel & 8 ? 5 : 4;
    out->destinationUnused = 2;
  }
  const bool accumulates = opcode > kVop2InVop3 && opcode < kVop1InVop3 && definition->vector &&
                           definition->vector->sources == 3 &&
                           !(opcode >= kVop2InVop3 + 28 && opcode <= kVop2InVop3 + 30);
  if (accumulates) {
    out->source[2] = Operand();
    out->source[2].code = out->destination;
  }
  return bind(*definition, out);
}

bool decodeVop3p(Target target, const uint32_t* words, uint64_t available, Instruction* out) {
  if (available < 2) return false;
  const uint32_t word = words[0], second = words[1];
  out->format = Format::vop3p;
  out->dwords = 2;
  const Opcode* definition = find(vop3pTable(), target, field(word, 16, 22));
  if (!definition) return false;
  out->destination = static_cast<uint16_t>(256 + field(word, 0, 7));
  for (int k = 0; k < 3; k++) {
    out->source[k].code = static_cast<uint16_t>(field(second, 9 * k, 9 * k + 8));
    out->source[k].negate = field(second, 29 + k, 29 + k);
    out->source[k].absolute = field(word, 8 + k, 8 + k);
    if (k < definition->vector->sources && out->source[k].code == reg::literal) return false;
  }
  out->opSel = static_cast<uint8_t>(field(word, 11, 13));
  out->opSelHi = static_cast<uint8_t>(field(second, 27, 28) | field(word, 14, 14) << 2);
  out->clamp = field(word, 15, 15);
  return bind(*definition, out);
}

}  // namespace

bool decodeVector(Target target, const uint32_t* words, uint64_t available, Instruction* out) {
  if (words[0] >> 31 == 0) return decodeShort(target, words, available, out);
  return words[0] >> 23 == 0x1a7 ? decodeVop3p(target, words, available, out)
                                 : decodeVop3(target, words, available, out);
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
