#pragma once

#include <cstdint>

// Registers as encodings name them.

namespace emulator {
namespace EMULATOR_LEVEL {

/// The operand code of vector register `index`, of the accumulation registers where `accumulation` says so.
constexpr uint16_t vectorCode(uint32_t index, bool accumulation) {
  return static_cast<uint16_t>(256 + index + (accumulation ? 256 : 0));
}

/// Whether `count` registers from vector register `index` on exist.
constexpr bool fits(uint32_t index, uint32_t count) { return index + count <= 256; }

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
