#include <cstring>
#include <initializer_list>

#include "decode/operand_text.h"
#include "execute/matrix.h"
#include "execute/memory.h"

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

void operand(Writer* out, int code, int registers) {
  out->separate();
  writeOperand(out, code, registers, 0);
}

/// What memory instructions write and read, before their addresses.
void writeResult(Writer* out, const Instruction& i) {
  if (i.results && !i.toLds) operand(out, i.destination, i.results);
}
void writeData(Writer* out, const Instruction& i) {
  if (i.operands) operand(out, i.source[1].code, i.operands);
}

void writeScalarMemory(Writer* out, const Instruction& i) {
  i.operands ? writeData(out, i) : writeResult(out, i);
  if (!i.bytes) return;  // s_memtime, s_dcache_*
  operand(out, i.source[0].code, i.memory.isBuffer ? 4 : 2);
  if (i.source[2].code != kNoScalar) operand(out, i.source[2].code, 1);
  if (i.source[2].code == kNoScalar) {
    out->separate();
    out->write("0x%x", static_cast<unsigned>(i.offset));
  } else if (i.offset) {
    out->write(" offset:0x%x", static_cast<unsigned>(i.offset));
  }
  if (i.returns) out->write(" glc");
}

void writeLds(Writer* out, const Instruction& i) {
  const char* name = i.opcode->mnemonic;
  writeResult(out, i);
  const bool addresses = !i.indexEnable && std::strncmp(name, "ds_swizzle", 10) != 0;
  if (addresses) operand(out, i.source[0].code, 1);
  writeData(out, i);
  if (i.operands1) operand(out, i.source[2].code, i.operands1);
  if (!i.memory.twoAddresses) {
    if (i.offset) out->write(" offset:%d", i.offset);
    return;
  }
  const int unit = i.bytes * (std::strstr(name, "st64") ? 64 : 1);
  if (i.offset) out->write(" offset0:%d", i.offset / unit);
  if (i.offset1) out->write(" offset1:%d", i.offset1 / unit);
}

/// GLOBAL, SCRATCH and FLAT.
void writeFlat(Writer* out, const Instruction& i) {
  const char* name = i.opcode->mnemonic;
  const bool flat = std::strncmp(name, "flat_", 5) == 0, scratch = std::strncmp(name, "scratch_", 8) == 0;
  const bool hasBase = !flat && i.source[2].code != kNoScalar;
  writeResult(out, i);
  if (!scratch) {
    operand(out, i.source[0].code, hasBase ? 1 : 2);
  } else if (i.indexEnable) {
    operand(out, i.source[0].code, 1);
  } else {
    out->separate();
    out->write("off");
  }
  writeData(out, i);
  if (hasBase) {
    operand(out, i.source[2].code, scratch ? 1 : 2);
  } else if (!flat) {
    out->write(", off");
  }
  if (i.offset) out->write(" offset:%d", i.offset);
}

void writeBuffer(Writer* out, const Instruction& i) {
  if (!i.bytes) return;  // buffer_wbl2, buffer_inv
  writeResult(out, i);
  if (!i.results) writeData(out, i);
  const int addresses = i.offsetEnable + i.indexEnable;
  if (addresses) {
    operand(out, i.source[0].code, addresses);
  } else {
    out->separate();
    out->write("off");
  }
  operand(out, i.memory.descriptor, 4);
  operand(out, i.source[2].code, 1);
  if (i.indexEnable) out->write(" idxen");
  if (i.offsetEnable) out->write(" offen");
  if (i.offset) out->write(" offset:%d", i.offset);
  if (i.toLds) out->write(" lds");
}

}  // namespace

void writeMemory(Writer* out, const Instruction& i) {
  switch (i.format) {
    case Format::smem:
      return writeScalarMemory(out, i);
    case Format::ds:
      return writeLds(out, i);
    case Format::flat:
      return writeFlat(out, i);
    default:
      return writeBuffer(out, i);
  }
}

void writeMatrix(Writer* out, const Instruction& i) {
  operand(out, i.destination, i.results);
  if (i.opcode->cls != InstructionClass::matrix) return operand(out, i.source[0].code, 1);  // v_accvgpr_*
  const MatrixShape& shape = i.matrix.shape;
  const uint32_t elements = shape.depth * shape.rows * shape.blocks / kLanes;
  operand(out, i.source[0].code, static_cast<int>((elements * elementBits(shape.a) + 31) / 32));
  operand(out, i.source[1].code, static_cast<int>((elements * elementBits(shape.b) + 31) / 32));
  operand(out, i.source[2].code, i.source[2].isVector() ? i.results : 1);
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
