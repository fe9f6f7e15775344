#pragma once

#include <cstdint>

namespace emulator {

/// What an atomic makes of the old value in memory and its data.
enum class Atomic : uint8_t {
  swap,
  compareSwap,  ///< compares with a second operand
  add,
  subtract,
  reverseSubtract,
  signedMin,
  unsignedMin,
  signedMax,
  unsignedMax,
  bitAnd,
  bitOr,
  bitXor,
  increment,  ///< wraps to 0 above the data
  decrement,  ///< wraps to the data at 0 and above the data
  floatAdd,
  floatMin,
  floatMax,
  floatCompareSwap,
  packedAddF16,
  packedAddBf16,
  maskedOr,  ///< (old & ~data) | second operand
  wrap,      ///< old >= data ? old - data : old + second operand
};

}  // namespace emulator
