#pragma once

#include <cstdint>

namespace emulator {

enum class MatrixType : uint8_t { f32, xf32, f16, bf16, fp8, bf8, fp6, bf6, fp4, i8, f64 };

/// A product of `rows` x `depth` and `depth` x `rows` matrices, `blocks` of them side by side.
struct MatrixShape {
  uint8_t rows, depth, blocks;
  MatrixType a, b;
};
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

/// Which lanes and blocks of the operands are used for others, too.
struct MatrixBroadcast {
  uint8_t sizeOfA, blockOfA;  ///< CBSZ and ABID: within each group of 2^CBSZ blocks, all take block ABID of A
  uint8_t lanesOfB;           ///< BLGP: lanes of B replaced by others
};

/// Where a scale of each lane lies: a byte of a register.
struct MatrixScale {
  uint16_t code;  ///< operand code
  uint8_t byte;
  bool present;
};

}  // namespace emulator
