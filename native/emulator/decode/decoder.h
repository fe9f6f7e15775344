#pragma once

#include <cstdint>

#include "isa/instruction.h"
#include "isa/target.h"

namespace emulator {
namespace EMULATOR_LEVEL {

/// Decodes the instruction at `words`, of which `available` dwords may be read. False where the encoding is
/// unknown for `target` or cut short; `out` is then unspecified. An instruction that is known but not
/// modelled decodes and faults when executed.
bool decode(Target target, const uint32_t* words, uint64_t available, Instruction* out);

// One decoder per family of formats, with the same contract. `decode` has recognised the format by its
// leading bits, nothing else is checked yet.
bool decodeScalar(Target target, const uint32_t* words, uint64_t available, Instruction* out);
bool decodeVector(Target target, const uint32_t* words, uint64_t available, Instruction* out);
bool decodeMatrix(Target target, const uint32_t* words, uint64_t available, Instruction* out);
bool decodeSmem(Target target, const uint32_t* words, uint64_t available, Instruction* out);
bool decodeDs(Target target, const uint32_t* words, uint64_t available, Instruction* out);
bool decodeFlat(Target target, const uint32_t* words, uint64_t available, Instruction* out);
bool decodeMubuf(Target target, const uint32_t* words, uint64_t available, Instruction* out);

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
