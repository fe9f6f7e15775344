#include "decode/decoder.h"
#include "decode/registers.h"
#include "decode/tables/memory_rows.h"

// MUBUF (31:26 = 111000): untyped access through a buffer descriptor.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

/// The handler of a load with the LDS bit; null where the target has none.
Execute loadLdsHandler(Target target, uint32_t code) {
  switch (code) {
    case 16:
    case 17:
      return bufferLoadLds<1>;
    case 18:
    case 19:
      return bufferLoadLds<2>;
    case 20:
      return bufferLoadLds<4>;
    case 22:
      return target == Target::gfx950 ? bufferLoadLds<12> : nullptr;
    case 23:
      return target == Target::gfx950 ? bufferLoadLds<16> : nullptr;
    default:
      return nullptr;
  }
}

}  // namespace

bool decodeMubuf(Target target, const uint32_t* words, uint64_t available, Instruction* out) {
  if (available < 2) return false;
  const uint32_t first = words[0], second = words[1], code = field(first, 18, 24);
  const MemoryRow* row = find(mubufTable(), target, code);
  if (!row) return false;
  apply(*row, out);
  out->format = Format::mubuf;
  if (!isModelled(out->execute) || out->execute == noEffect) return true;
  const uint32_t address = field(second, 0, 7), data = field(second, 8, 15),
                 descriptor = field(second, 16, 20) * 4, offset = field(second, 24, 31);
  const bool accumulation = field(second, 23, 23);
  out->offset = static_cast<int32_t>(field(first, 0, 11));
  out->offsetEnable = field(first, 12, 12);
  out->indexEnable = field(first, 13, 13);
  out->toLds = field(first, 16, 16);
  if (out->toLds) {
    out->execute = loadLdsHandler(target, code);
    if (!out->execute) return false;
    out->results = 0;
  }
  if (row->opcode.reads && row->opcode.writes) {
    out->returns = field(first, 14, 14);
    if (!out->returns) out->results = 0;
  }
  if (descriptor > 124 || offset >= 251) return false;
  if (!fits(address, out->offsetEnable + out->indexEnable)) return false;
  if (!fits(data, out->results > out->operands ? out->results : out->operands)) return false;
  out->source[0].code = vectorCode(address, false);
  out->source[1].code = out->destination = vectorCode(data, accumulation);
  out->source[2].code = static_cast<uint16_t>(offset);
  out->memory.descriptor = static_cast<uint8_t>(descriptor);
  return true;
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
