#include "execute/access.h"
#include "execute/float_mode.h"
#include "execute/float_vector.h"
#include "execute/matrix_operands.h"
#include "wave/workgroup.h"

// Every result is the chain fma(a[k], b[k], sum) for k = 0, 1, ... starting from C, so all CPU levels and all
// shapes with the same depth give the same bits. NaNs come out canonical (the host's would depend on the
// order of operands).

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

/// Where row `row` of a block of results begins, in floats behind the first register: `rows` floats side by
/// side. Four rows follow each other over registers, the next four lie in the next group of lanes.
template <int kRows>
constexpr int resultRow(int block, int row) {
  if constexpr (kRows == 32) return (16 * block + row / 8 * 4 + row % 4) * kLanes + row / 4 % 2 * 32;
  if constexpr (kRows == 16) return (4 * block + row % 4) * kLanes + row / 4 * 16;
  return row * kLanes + 4 * block;
}

struct Source {
  const float* first;
  int elements;  ///< of one lane
  int rows;      ///< floats between groups

  /// The row of floats with depth index `k`.
  const float* at(int k) const { return first + k % elements * kLanes + k / elements * rows; }
};

/// One block: four rows at a time, over so many columns that all sums stay in vector registers and the
/// multiply-adds, not the loads, set the pace. All loops over sums must be unrolled for that.
template <int kRows, class Start>
void multiply(int depth, const Source& a, const Source& b, Start start, float* result, int block) {
  constexpr int kWidth = FloatVector::kWidth < kRows ? FloatVector::kWidth : kRows;
  constexpr int kVectors = FloatVector::kSums / 4 < kRows / kWidth ? FloatVector::kSums / 4 : kRows / kWidth;
  constexpr int kColumns = kVectors * kWidth;
  for (int row = 0; row < kRows; row += 4) {
    for (int column = 0; column < kRows; column += kColumns) {
      const int offset = resultRow<kRows>(block, row) + column;
      FloatVector sum[4][kVectors];
#pragma GCC unroll 4
      for (int i = 0; i < 4; i++) {
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; v++) sum[i][v] = start(offset + i * kLanes + v * kWidth);
      }
      int k = 0;
      for (int group = 0; k < depth; group++) {
        const float* rowA = a.first + group * a.rows + row;
        const float* rowB = b.first + group * b.rows + column;
        for (int j = 0; j < a.elements; j++, k++, rowA += kLanes, rowB += kLanes) {
          FloatVector columns[kVectors];
#pragma GCC unroll 4
          for (int v = 0; v < kVectors; v++) columns[v] = FloatVector::load(rowB + v * kWidth);
#pragma GCC unroll 4
          for (int i = 0; i < 4; i++) {
            const FloatVector factor = FloatVector::all(rowA[i]);
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; v++) sum[i][v].add(factor, columns[v]);
          }
        }
      }
#pragma GCC unroll 4
      for (int i = 0; i < 4; i++) {
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; v++)
          sum[i][v].canonical().store(result + offset + i * kLanes + v * kWidth);
      }
    }
  }
}

/// Blocks of four rows: too narrow for vectors.
template <class Start>
void multiplySmall(int depth, const Source& a, const Source& b, Start start, float* result, int block) {
  float sums[4][4];
  for (int row = 0; row < 4; row++) {
    for (int column = 0; column < 4; column++) {
      float sum = start(resultRow<4>(block, row) + column);
      for (int k = 0; k < depth; k++) sum = fusedMultiplyAdd(a.at(k)[row], b.at(k)[column], sum);
      sums[row][column] = isNan(sum) ? floatOf(0x7fc00000) : sum;
    }
  }
  for (int row = 0; row < 4; row++)
    std::memcpy(result + resultRow<4>(block, row), sums[row], sizeof sums[row]);
}

/// Multiplies each lane's elements by 2^(scale - 127), scale being a byte of the lane's scale operand; 255 is
/// NaN.
void applyScale(const Wave& wave, MatrixScale from, int elements, MatrixOperand& matrix) {
  if (!from.present) return;
  const int code = from.code, shift = 8 * from.byte;
  alignas(64) float factor[kLanes];
  for (int lane = 0; lane < kLanes; lane++) {
    const uint32_t word = code >= 256 ? wave.vector[code - 256][lane] : wave.scalar[code];
    const uint32_t scale = word >> shift & 255;
    factor[lane] = scale == 255 ? floatOf(0x7fc00000) : scale ? floatOf(scale << 23) : floatOf(0x00400000);
  }
  for (int i = 0; i < elements; i++) EACH_LANE matrix.element[i][lane] *= factor[lane];
}

/// MFMA does not heed MODE. On gfx90a the f16 and bf16 instructions flush denormals, all others keep them.
class MatrixFloatMode {
 public:
  MatrixFloatMode(const Wave& wave, bool flush)
      : before_(mxcsr32(wave.mode)), changed_(before_ != wanted(flush)) {
    if (changed_) _mm_setcsr(wanted(flush));
  }
  ~MatrixFloatMode() {
    if (changed_) _mm_setcsr(before_);
  }
  MatrixFloatMode(const MatrixFloatMode&) = delete;
  MatrixFloatMode& operator=(const MatrixFloatMode&) = delete;

 private:
  static uint32_t wanted(bool flush) { return flush ? mxcsrOf(0, 0) : mxcsrOf(0, 3); }
  uint32_t before_;
  bool changed_;
};

template <int kRows, class Start>
void multiplyBlocks(const MatrixShape& shape, MatrixBroadcast broadcast, const MatrixOperand& a,
                    const MatrixOperand& b, Start start, float* result) {
  const int lanesPerBlock = kLanes / shape.blocks, elements = shape.depth * kRows / lanesPerBlock;
  for (int block = 0; block < shape.blocks; block++) {
    const Source sourceA{a.element[0] + blockOfA(block, broadcast) * lanesPerBlock, elements, kRows};
    const Source sourceB{b.element[0] + block * lanesPerBlock, elements, kRows};
    if constexpr (kRows == 4) {
      multiplySmall(shape.depth, sourceA, sourceB, start, result, block);
    } else {
      multiply<kRows>(shape.depth, sourceA, sourceB, start, result, block);
    }
  }
}

}  // namespace

template <int kRows>
void matrixFloat(Wave& wave, const Instruction& instruction) {
  const MatrixShape shape = instruction.matrix.shape;
  const MatrixBroadcast broadcast = instruction.matrix.broadcast;
  const Target target = wave.group->target;
  const int elements = shape.depth * kRows * shape.blocks / kLanes;
  const bool flush = target == Target::gfx90a && shape.a != MatrixType::f32;
  const MatrixFloatMode mode(wave, flush);

  MatrixOperand a, b;
  widen(registers(wave, instruction.source[0].code), shape.a, elements, target, a);
  widen(registers(wave, instruction.source[1].code), shape.b, elements, target, b);
  if constexpr (kRows > 4) {
    if (isF8f6f4(shape) && elementBits(shape.a) == 8) joinRuns<kRows>(a);
    if (isF8f6f4(shape) && elementBits(shape.b) == 8) joinRuns<kRows>(b);
  }
  applyScale(wave, instruction.matrix.scale[0], elements, a);
  applyScale(wave, instruction.matrix.scale[1], elements, b);
  if (const unsigned pattern = broadcast.lanesOfB) {
    for (int i = 0; i < elements; i++) broadcastLanes(b.element[i], pattern);
  }

  auto* result = reinterpret_cast<float*>(registers(wave, instruction.destination));
  const int c = instruction.source[2].code;
  constexpr bool kSmall = kRows == 4;
  if (c < 256) {
    const float constant = floatOf(wave.scalar[c]);
    const auto start = [&](int) {
      if constexpr (kSmall) {
        return constant;
      } else {
        return FloatVector::all(constant);
      }
    };
    return multiplyBlocks<kRows>(shape, broadcast, a, b, start, result);
  }
  // Rows are written as soon as they are done, so C must be D or lie apart from it.
  constexpr int kMostResults = 32 * kLanes;
  const int results = instruction.results * kLanes;
  const auto* addend = reinterpret_cast<const float*>(registers(wave, c));
  alignas(64) float copy[kMostResults];
  if (addend != result && addend < result + results && result < addend + results) {
    std::memcpy(copy, addend, sizeof copy[0] * static_cast<size_t>(results));
    addend = copy;
  }
  const auto start = [&](int offset) {
    if constexpr (kSmall) {
      return addend[offset];
    } else {
      return FloatVector::load(addend + offset);
    }
  };
  multiplyBlocks<kRows>(shape, broadcast, a, b, start, result);
}

template void matrixFloat<4>(Wave&, const Instruction&);
template void matrixFloat<16>(Wave&, const Instruction&);
template void matrixFloat<32>(Wave&, const Instruction&);

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
