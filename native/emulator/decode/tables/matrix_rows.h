#pragma once

#include <cstddef>

#include "isa/fields.h"
#include "isa/instruction.h"

namespace emulator {
namespace EMULATOR_LEVEL {

/// One row of the table of matrix instructions.
struct MatrixRow {
  uint8_t code;
  Opcode opcode;
  MatrixShape shape;
  uint8_t results;  ///< registers of C and D
  Targets targets;

  constexpr MatrixRow on(Targets some) const {
    MatrixRow row = *this;
    row.targets = some;
    return row;
  }
};

/// The row with this opcode that `target` has, or null.
const MatrixRow* findMatrix(Target target, uint32_t code);

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
