#include "decode/clocks.h"

#include "isa/matrix_shape.h"

// How long instructions keep their SIMD's ALU busy. Vector instructions take 64 lanes through 16 in 4 clocks;
// transcendental ones and full 32-bit integer products have a quarter of that rate. Matrix instructions take
// a number of passes of 4 clocks (CDNA 2, 3 and 4 ISA documents, "Dependency Resolution"; LLVM's
// SISchedule.td has the same).

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

constexpr uint32_t kPass = 4, kFullRate = 4, kQuarterRate = 16;

bool isSmall(MatrixType type) {
  return type == MatrixType::fp6 || type == MatrixType::bf6 || type == MatrixType::fp4;
}

uint32_t matrixPasses(Target target, const MatrixShape& shape) {
  if (shape.a == MatrixType::f64) return target == Target::gfx950 ? 16 : 8;
  if (shape.rows == 4) return 2;
  const uint32_t least = shape.rows == 16 ? 4 : 8;
  // The double rate of CDNA 3 is for single blocks of short types.
  if (target == Target::gfx90a || shape.blocks > 1 || shape.a == MatrixType::f32) return 2 * least;
  // *_f8f6f4: depth 128 and 64, at the rate of the wider operand.
  return isF8f6f4(shape) && !(isSmall(shape.a) && isSmall(shape.b)) ? 2 * least : least;
}

}  // namespace

uint32_t clocks(Target target, const Instruction& instruction) {
  switch (instruction.opcode->cls) {
    case InstructionClass::matrix:
      return kPass * matrixPasses(target, instruction.matrix.shape);
    case InstructionClass::transcendental:
      return kQuarterRate;
    case InstructionClass::vector:
      return instruction.opcode->quarterRate ? kQuarterRate : kFullRate;
    default:
      return 0;
  }
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
