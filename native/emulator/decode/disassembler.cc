#include "decode/disassembler.h"

#include <cstring>

#include "decode/decoder.h"
#include "decode/operand_text.h"
#include "execute/not_modelled.h"
#include "execute/operands.h"
#include "isa/fields.h"

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

void writeRegisters(Writer* out, const char* file, int first, int count) {
  if (count == 1)
    out->write("%s%d", file, first);
  else
    out->write("%s[%d:%d]", file, first, first + count - 1);
}

}  // namespace

void writeOperand(Writer* out, int code, int registers, uint32_t literal) {
  static const char* const kPairs[] = {"flat_scratch", "xnack_mask", "vcc"};
  static const char* const kFloats[] = {"0.5",  "-0.5", "1.0",  "-1.0",      "2.0",
                                        "-2.0", "4.0",  "-4.0", "0.15915494"};
  if (code >= 512) return writeRegisters(out, "a", code - 512, registers);
  if (code >= 256) return writeRegisters(out, "v", code - 256, registers);
  if (code < 102) return writeRegisters(out, "s", code, registers);
  if (code < 108) {
    out->write("%s", kPairs[(code - 102) / 2]);
    if (registers == 1) out->write(code & 1 ? "_hi" : "_lo");
    return;
  }
  if (code < 124) return writeRegisters(out, "ttmp", code - 108, registers);
  if (code == reg::m0) return out->write("m0");
  if (code == reg::execLo || code == reg::execHi)
    return out->write("exec%s", registers > 1 ? "" : code & 1 ? "_hi" : "_lo");
  if (code >= 128 && code <= 192) return out->write("%d", code - 128);
  if (code >= 193 && code <= 208) return out->write("%d", 192 - code);
  if (code >= reg::inlineFloats && code <= 248) return out->write("%s", kFloats[code - reg::inlineFloats]);
  switch (code) {
    case reg::sharedBase:
      return out->write("src_shared_base");
    case reg::sharedLimit:
      return out->write("src_shared_limit");
    case reg::privateBase:
      return out->write("src_private_base");
    case reg::privateLimit:
      return out->write("src_private_limit");
    case reg::vccz:
      return out->write("src_vccz");
    case reg::execz:
      return out->write("src_execz");
    case reg::scc:
      return out->write("src_scc");
    case reg::literal:
      return out->write("0x%x", literal);
    default:
      return out->write("?%d", code);
  }
}

namespace {

void writeSource(Writer* out, const Instruction& i, int index, int registers) {
  const Operand& operand = i.source[index];
  const bool modifies = i.format != Format::vop3p;
  out->separate();
  if (modifies && operand.negate) out->write("-");
  if (modifies && operand.absolute) out->write("|");
  writeOperand(out, operand.code, registers, i.literal);
  if (modifies && operand.absolute) out->write("|");
}

/// Opcodes that only have one encoding carry no suffix; VOP3's copies of the short formats are _e64.
const char* suffix(const Instruction& i) {
  if (i.sdwa) return "_sdwa";
  if (i.dpp) return "_dpp";
  const char* name = i.opcode->mnemonic;
  const auto is = [name](const char* other) { return std::strcmp(name, other) == 0; };
  if (is("v_nop") || is("v_readfirstlane_b32") || is("v_swap_b32") || is("v_accvgpr_mov_b32")) return "";
  const bool needsLiteral = std::strncmp(name, "v_madmk", 7) == 0 || std::strncmp(name, "v_madak", 7) == 0 ||
                            std::strncmp(name, "v_fmamk", 7) == 0 || std::strncmp(name, "v_fmaak", 7) == 0;
  if (needsLiteral) return "";
  if (i.format == Format::vop1 || i.format == Format::vop2 || i.format == Format::vopc) return "_e32";
  return i.format == Format::vop3 && i.longForm ? "_e64" : "";
}

void writeVector(Writer* out, const Instruction& i) {
  const VectorHandlers& handlers = *i.opcode->vector;
  const bool compares = handlers.resultBits == 1;
  const bool carries = std::strstr(i.opcode->mnemonic, "_co_") ||
                       std::strstr(i.opcode->mnemonic, "div_scale") ||
                       std::strncmp(i.opcode->mnemonic, "v_mad_u64", 9) == 0 ||
                       std::strncmp(i.opcode->mnemonic, "v_mad_i64", 9) == 0;
  if (!compares) {
    out->separate();
    writeOperand(out, i.destination, handlers.registers[0], 0);
  }
  if (compares || carries) {
    out->separate();
    writeOperand(out, i.scalarDestination, 2, 0);
  }
  const bool accumulates = handlers.sources == 3 && i.source[2].code == i.destination;
  for (int k = 0; k < handlers.sources - (accumulates ? 1 : 0); k++)
    writeSource(out, i, k, handlers.registers[k + 1]);
}

/// How many registers a scalar operand has, by the mnemonic: its last type that says 64 bits for it.
void writeScalar(Writer* out, const Instruction& i) {
  const char* name = i.opcode->mnemonic;
  const size_t length = std::strlen(name);
  const auto endsWith = [&](const char* end) {
    const size_t n = std::strlen(end);
    return length >= n && std::strcmp(name + length - n, end) == 0;
  };
  const bool counts = std::strstr(name, "_i32_b64") || std::strstr(name, "_i32_i64");
  const bool wide = endsWith("64") || std::strcmp(name, "s_bitreplicate_b64_b32") == 0;
  const bool wideSource = wide || counts, wideResult = wide && !counts;
  const bool shift = std::strstr(name, "lsh") || std::strstr(name, "ashr") || std::strstr(name, "bfe") ||
                     std::strstr(name, "bitcmp");
  const bool mask =
      std::strstr(name, "bfm") || std::strstr(name, "bitset") || std::strstr(name, "bitreplicate");
  if (i.format != Format::sopc && std::strcmp(name, "s_setpc_b64") != 0) {
    out->separate();
    writeOperand(out, i.destination, wideResult ? 2 : 1, 0);
  }
  if (std::strcmp(name, "s_getpc_b64") == 0) return;
  const int sources = i.format == Format::sop1 ? 1 : 2;
  for (int k = 0; k < sources; k++) writeSource(out, i, k, wideSource && !mask && !(shift && k == 1) ? 2 : 1);
}

/// The counters that s_waitcnt waits for; one at its maximum is not waited for.
void writeWait(Writer* out, uint32_t counts) {
  const uint32_t vm = field(counts, 0, 3) | field(counts, 14, 15) << 4, exp = field(counts, 4, 6),
                 lgkm = field(counts, 8, 11);
  if (vm < 63) out->write(" vmcnt(%u)", vm);
  if (exp < 7) out->write(" expcnt(%u)", exp);
  if (lgkm < 15) out->write(" lgkmcnt(%u)", lgkm);
}

void writeConstant(Writer* out, const Instruction& i) {
  const char* name = i.opcode->mnemonic;
  if (std::strcmp(name, "s_waitcnt") == 0) return writeWait(out, static_cast<uint32_t>(i.offset));
  if (i.format == Format::sopp) {
    const bool plain = std::strcmp(name, "s_endpgm") == 0 || std::strcmp(name, "s_barrier") == 0;
    if (!plain || i.offset) out->write(" %d", i.offset);
    return;
  }
  out->separate();
  writeOperand(out, i.destination, std::strcmp(name, "s_call_b64") == 0 ? 2 : 1, 0);
  out->write(", 0x%x", static_cast<unsigned>(i.offset) & 0xffff);
}

void writeOperands(Writer* out, const Instruction& i) {
  switch (i.format) {
    case Format::sop1:
    case Format::sop2:
    case Format::sopc:
      return writeScalar(out, i);
    case Format::sopk:
    case Format::sopp:
      return writeConstant(out, i);
    case Format::vop1:
    case Format::vop2:
    case Format::vopc:
    case Format::vop3:
    case Format::vop3p:
      if (i.opcode->vector) writeVector(out, i);
      return;
    case Format::matrix:
      return writeMatrix(out, i);
    case Format::smem:
    case Format::ds:
    case Format::flat:
    case Format::mubuf:
      return writeMemory(out, i);
  }
}

}  // namespace

void disassemble(const Instruction& i, char* text, size_t size) {
  Writer out(text, size);
  out.write("%s%s", i.opcode->mnemonic, suffix(i));
  writeOperands(&out, i);
  if (!isModelled(i.execute)) out.write("  ; not modelled");
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
