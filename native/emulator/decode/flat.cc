#include "decode/decoder.h"
#include "decode/registers.h"
#include "decode/tables/memory_rows.h"

// FLAT, GLOBAL and SCRATCH: one encoding (31:26 = 110111), told apart by SEG in bits 15:14.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

enum Segment : uint32_t { kFlatSegment, kScratchSegment, kGlobalSegment };

}  // namespace

bool decodeFlat(Target target, const uint32_t* words, uint64_t available, Instruction* out) {
  if (available < 2) return false;
  const uint32_t first = words[0], second = words[1];
  const uint32_t segment = field(first, 14, 15), code = field(first, 18, 24);
  const MemoryRow* row = segment == kFlatSegment      ? find(flatTable(), target, code)
                         : segment == kGlobalSegment  ? find(globalTable(), target, code)
                         : segment == kScratchSegment ? find(scratchTable(), target, code)
                                                      : nullptr;
  if (!row) return false;
  apply(*row, out);
  out->format = Format::flat;
  const uint32_t address = field(second, 0, 7), data = field(second, 8, 15), base = field(second, 16, 22),
                 destination = field(second, 24, 31);
  const bool accumulation = field(second, 23, 23), bit13 = field(first, 13, 13);
  const bool atomic = row->opcode.reads && row->opcode.writes;

  out->offset = segment == kFlatSegment ? static_cast<int32_t>(field(first, 0, 11)) : signExtend(first, 13);
  if (segment == kFlatSegment && field(first, 12, 12)) return false;
  out->memory.isPrivate = segment == kScratchSegment;
  out->returns = atomic && field(first, 16, 16);
  if (atomic && !out->returns) out->results = 0;

  // Bit 13 says on gfx94x that scratch has a vector offset; on gfx90a (LDS) it is not used, and scratch has a
  // vector offset where it has no scalar one.
  out->source[2].code = segment == kFlatSegment ? kNoScalar : static_cast<uint16_t>(base);
  uint32_t addressRegisters = 1;
  if (segment == kScratchSegment) {
    if (target == Target::gfx90a && bit13) return false;
    out->indexEnable = target == Target::gfx90a ? base == kNoScalar : bit13;
    addressRegisters = out->indexEnable;
  } else {
    if (bit13) return false;
    if (out->source[2].code == kNoScalar) addressRegisters = 2;
  }
  if (base != kNoScalar && segment == kGlobalSegment && (base > 126 || base % 2)) return false;

  if (!fits(address, addressRegisters) || !fits(data, out->operands) || !fits(destination, out->results)) {
    return false;
  }
  out->source[0].code = vectorCode(address, false);
  out->source[1].code = vectorCode(data, accumulation);
  out->destination = vectorCode(destination, accumulation);
  return true;
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
