#pragma once

#include "wave/wave.h"

// The matrix instructions (MFMA): D = C + A * B on the registers of a whole wave; EXEC has no say.
//
// Operands: source[0] A, source[1] B, source[2] C (a register block or an inline constant), destination D,
// with the ACC bits resolved. extra[0] is a MatrixShape, extra[1] broadcasts (MatrixBroadcast), extra[2] and
// [3] the operand codes of the block scales of A and B with the byte that counts (kScaleByteShift), or 0.

namespace emulator {
namespace EMULATOR_LEVEL {

enum class MatrixType : uint8_t { f32, xf32, f16, bf16, fp8, bf8, fp6, bf6, fp4, i8, f64 };

/// A product of `rows` x `depth` and `depth` x `rows` matrices, `blocks` of them side by side.
struct MatrixShape {
  uint8_t rows, depth, blocks;
  MatrixType a, b;
};
constexpr uint32_t pack(const MatrixShape& shape) {
  return shape.rows | shape.depth << 8 | shape.blocks << 16 | static_cast<uint32_t>(shape.a) << 24 |
         static_cast<uint32_t>(shape.b) << 28;
}
constexpr MatrixShape unpackShape(uint32_t word) {
  return {static_cast<uint8_t>(word), static_cast<uint8_t>(word >> 8), static_cast<uint8_t>(word >> 16 & 31),
          static_cast<MatrixType>(word >> 24 & 15), static_cast<MatrixType>(word >> 28)};
}

/// v_mfma_*_f8f6f4 of gfx950, whose operands may be of different formats.
constexpr bool isF8f6f4(const MatrixShape& shape) { return shape.rows * shape.depth == 2048; }

/// Bits of one element of an operand.
constexpr uint32_t elementBits(MatrixType type) {
  switch (type) {
    case MatrixType::f32:
    case MatrixType::xf32:
      return 32;
    case MatrixType::f16:
    case MatrixType::bf16:
      return 16;
    case MatrixType::fp6:
    case MatrixType::bf6:
      return 6;
    case MatrixType::fp4:
      return 4;
    case MatrixType::f64:
      return 64;
    default:
      return 8;
  }
}

constexpr uint32_t kScaleByteShift = 16;

/// Floating-point products with f32 results. `rows` is 4, 16 or 32.
template <int kRows>
void matrixFloat(Wave& wave, const Instruction& instruction);
/// Integer products with i32 results.
void matrixInteger(Wave& wave, const Instruction& instruction);
/// v_mfma_f64_16x16x4.
void matrixDouble(Wave& wave, const Instruction& instruction);

void accumulationRead(Wave& wave, const Instruction& instruction);
void accumulationWrite(Wave& wave, const Instruction& instruction);

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
