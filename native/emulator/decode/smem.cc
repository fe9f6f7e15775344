#include "decode/decoder.h"
#include "decode/registers.h"
#include "decode/tables/memory_rows.h"

// SMEM (31:26 = 110000): scalar loads, stores and atomics. The offset is a signed 21-bit immediate, a scalar
// register, or (SOFFSET_EN) both; assemblers also emit the older form, in which the low bits of the offset
// field name the register.

namespace emulator {
namespace EMULATOR_LEVEL {

bool decodeSmem(Target target, const uint32_t* words, uint64_t available, Instruction* out) {
  if (available < 2) return false;
  const uint32_t first = words[0], second = words[1];
  const MemoryRow* row = find(smemTable(), target, field(first, 18, 25));
  if (!row) return false;
  apply(*row, out);
  out->format = Format::smem;
  if (!isModelled(out->execute) || out->execute == noEffect) return true;
  const bool immediate = field(first, 17, 17), registerToo = field(first, 14, 14);
  out->source[0].code = static_cast<uint16_t>(field(first, 0, 5) * 2);
  out->destination = static_cast<uint16_t>(field(first, 6, 12));
  out->offset = immediate ? signExtend(second, 21) : 0;
  const uint32_t offsetRegister = registerToo ? field(second, 25, 31) : field(second, 0, 6);
  out->source[2].code = registerToo || !immediate ? static_cast<uint16_t>(offsetRegister) : kNoScalar;
  if (out->source[2].code == kNoScalar && !immediate) return false;
  // The data's registers are those of the result.
  const uint32_t registers = out->results > out->operands ? out->results : out->operands;
  out->source[1].code = out->destination;
  if (row->opcode.reads && row->opcode.writes) {
    out->returns = field(first, 16, 16);
    if (!out->returns) out->results = 0;
  }
  return out->destination + registers <= 128u && out->source[0].code <= (row->isBuffer ? 124 : 126);
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
