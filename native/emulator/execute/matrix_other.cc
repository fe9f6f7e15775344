#include "execute/access.h"
#include "execute/float_mode.h"
#include "execute/matrix_operands.h"
#include "execute/registers.h"

// Matrix products of integers and of f64, and moves between vector and accumulation registers. Layouts are
// those of matrix_float.cc where nothing else is said.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

/// Register and lane of a 32-bit result.
struct Place {
  int index, lane;
};
Place resultPlace(int rows, int block, int row, int column) {
  if (rows == 32) return {16 * block + row / 8 * 4 + row % 4, row / 4 % 2 * 32 + column};
  if (rows == 16) return {4 * block + row % 4, row / 4 * 16 + column};
  return {row, 4 * block + column};
}

constexpr int kMostResults = 32;

}  // namespace

void matrixInteger(Wave& wave, const Instruction& instruction) {
  const MatrixShape shape = instruction.matrix.shape;
  const int lanesPerBlock = kLanes / shape.blocks, elements = shape.depth * shape.rows / lanesPerBlock;
  const MatrixBroadcast broadcast = instruction.matrix.broadcast;
  int32_t a[16][kLanes], b[16][kLanes];
  const uint32_t(*fromA)[kLanes] = registers(wave, instruction.source[0].code);
  const uint32_t(*fromB)[kLanes] = registers(wave, instruction.source[1].code);
  for (int i = 0; i < elements; i++) {
    EACH_LANE a[i][lane] = static_cast<int8_t>(fromA[i / 4][lane] >> 8 * (i % 4));
    EACH_LANE b[i][lane] = static_cast<int8_t>(fromB[i / 4][lane] >> 8 * (i % 4));
    if (const unsigned pattern = broadcast.lanesOfB) broadcastLanes(b[i], pattern);
  }
  const int c = instruction.source[2].code;
  uint32_t start[kMostResults][kLanes];
  if (c >= 256) {
    std::memcpy(start, registers(wave, c), sizeof start[0] * instruction.results);
  } else {
    for (int i = 0; i < instruction.results; i++) EACH_LANE start[i][lane] = wave.scalar[c];
  }
  uint32_t(*result)[kLanes] = registers(wave, instruction.destination);
  for (int block = 0; block < shape.blocks; block++) {
    const int laneA = blockOfA(block, broadcast) * lanesPerBlock, laneB = block * lanesPerBlock;
    for (int row = 0; row < shape.rows; row++) {
      const Place place = resultPlace(shape.rows, block, row, 0);
      uint32_t sum[32];
      std::memcpy(sum, start[place.index] + place.lane, 4 * static_cast<size_t>(shape.rows));
      for (int k = 0; k < shape.depth; k++) {
        const int group = k / elements * shape.rows, j = k % elements;
        const int32_t factor = a[j][laneA + group + row];
        const int32_t* columns = b[j] + laneB + group;
        for (int column = 0; column < shape.rows; column++) {
          sum[column] += static_cast<uint32_t>(factor * columns[column]);
        }
      }
      std::memcpy(result[place.index] + place.lane, sum, 4 * static_cast<size_t>(shape.rows));
    }
  }
}

void matrixDouble(Wave& wave, const Instruction& instruction) {
  // One element per lane: row (A) or column (B) lane % 16, depth lane / 16. Result register pair i of a lane
  // holds row 4 * i + lane / 16.
  const ScopedMxcsr mode(mxcsrOf(0, 3));
  const auto read = [&](int code, int pair, int lane) {
    const uint32_t(*from)[kLanes] = registers(wave, code) + 2 * pair;
    return bitCast<double>(from[0][lane] | uint64_t{from[1][lane]} << 32);
  };
  double a[kLanes], b[kLanes], sum[4][kLanes];
  for (int lane = 0; lane < kLanes; lane++) {
    a[lane] = read(instruction.source[0].code, 0, lane);
    b[lane] = read(instruction.source[1].code, 0, lane);
  }
  const int c = instruction.source[2].code;
  for (int i = 0; i < 4; i++) {
    for (int lane = 0; lane < kLanes; lane++) {
      const double constant =
          c < reg::inlineFloats
              ? bitCast<double>(static_cast<int64_t>(static_cast<int32_t>(wave.scalar[c & 255])))
              : static_cast<double>(floatOf(wave.scalar[c & 255]));
      double value = c >= 256 ? read(c, i, lane) : constant;
      for (int k = 0; k < 4; k++)
        value = fusedMultiplyAdd(a[16 * k + 4 * i + lane / 16], b[16 * k + lane % 16], value);
      sum[i][lane] = isNan(value) ? bitCast<double>(uint64_t{0x7ff8} << 48) : value;
    }
  }
  uint32_t(*result)[kLanes] = registers(wave, instruction.destination);
  for (int i = 0; i < 4; i++) {
    for (int lane = 0; lane < kLanes; lane++) {
      const auto bits = bitCast<uint64_t>(sum[i][lane]);
      result[2 * i][lane] = static_cast<uint32_t>(bits);
      result[2 * i + 1][lane] = static_cast<uint32_t>(bits >> 32);
    }
  }
}

void accumulationRead(Wave& wave, const Instruction& instruction) {
  copyLanes(registers(wave, instruction.destination)[0], registers(wave, instruction.source[0].code)[0],
            wave.exec());
}

void accumulationWrite(Wave& wave, const Instruction& instruction) {
  const int code = instruction.source[0].code;
  uint32_t* to = registers(wave, instruction.destination)[0];
  if (code >= 256) return copyLanes(to, registers(wave, code)[0], wave.exec());
  alignas(64) uint32_t value[kLanes];
  fill(value, wave.scalar[code]);
  copyLanes(to, value, wave.exec());
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
