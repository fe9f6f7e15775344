#pragma once

#include <cstdint>

#include "isa/target.h"

// Bit fields of encodings, and sets of targets.

namespace emulator {
namespace EMULATOR_LEVEL {

/// Bits `low`..`high` of a dword.
constexpr uint32_t field(uint32_t word, int low, int high) {
  return word >> low & (high - low == 31 ? ~0u : (1u << (high - low + 1)) - 1);
}
/// Sign-extends the low `bits` of `value`.
constexpr int32_t signExtend(uint32_t value, int bits) {
  return static_cast<int32_t>(value << (32 - bits)) >> (32 - bits);
}

/// One bit per target, for opcode rows that not every target has.
using Targets = uint8_t;
constexpr Targets kGfx90a = 1, kGfx942 = 2, kGfx950 = 4, kGfx94x = 6, kAllTargets = 7;
constexpr bool has(Targets targets, Target target) { return targets >> static_cast<int>(target) & 1; }

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
