#include "decode/decoder.h"
#include "decode/registers.h"
#include "decode/tables/memory_rows.h"

// DS (31:26 = 110110): LDS and the crossbar between lanes.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

/// Those of the opcodes with two offsets that count in 64 of their data's size.
constexpr bool hasWideOffsets(uint32_t code) {
  return code == 15 || code == 47 || code == 56 || code == 79 || code == 111 || code == 120;
}
constexpr uint32_t kWriteAddtid = 29, kSwizzle = 61, kReadAddtid = 182;

}  // namespace

bool decodeDs(Target target, const uint32_t* words, uint64_t available, Instruction* out) {
  if (available < 2) return false;
  const uint32_t first = words[0], second = words[1], code = field(first, 17, 24);
  const MemoryRow* row = find(dsTable(), target, code);
  if (!row) return false;
  apply(*row, out);
  out->format = Format::ds;
  const bool gds = field(first, 16, 16), accumulation = field(first, 25, 25);
  if (gds) out->execute = modifiersNotModelled;
  if (!isModelled(out->execute) || out->execute == noEffect) return true;
  out->offset = static_cast<int32_t>(field(first, 0, 15));
  if (row->twoAddresses) {
    const int32_t unit = row->bytes * (hasWideOffsets(code) ? 64 : 1);
    out->offset = static_cast<int32_t>(field(first, 0, 7)) * unit;
    out->offset1 = static_cast<int32_t>(field(first, 8, 15)) * unit;
  }
  const uint32_t address = field(second, 0, 7), data = field(second, 8, 15), data1 = field(second, 16, 23),
                 destination = field(second, 24, 31);
  if (!fits(data, out->operands) || !fits(data1, out->operands1) || !fits(destination, out->results))
    return false;
  out->returns = row->results && row->operands;
  out->indexEnable = code == kWriteAddtid || code == kReadAddtid;
  out->source[0].code = vectorCode(address, false);
  out->source[1].code = vectorCode(data, accumulation);
  out->source[2].code = vectorCode(data1, accumulation);
  out->destination = vectorCode(destination, accumulation);
  if (code == kSwizzle) {  // its data register stands in the address field
    if (out->offset >= 0xe000) out->execute = modifiersNotModelled;
    out->source[1].code = out->source[0].code;
  }
  return true;
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
