#include <utility>

#include "execute/special.h"

// Vector instructions that move values between lanes or between vector and scalar registers.

namespace emulator {
namespace EMULATOR_LEVEL {

void readFirstLane(Wave& wave, const Instruction& i) {
  const Operand& source = i.source[0];
  const uint64_t exec = wave.exec();
  const int lane = exec ? __builtin_ctzll(exec) : 0;
  wave.scalar[i.destination] =
      source.isVector() ? wave.vector[source.vectorIndex()][lane] : uniform32(wave, source, i.literal);
}

void readLane(Wave& wave, const Instruction& i) {
  const Operand& source = i.source[0];
  const uint32_t lane = uniform32(wave, i.source[1], i.literal) & 63;
  wave.scalar[i.destination] =
      source.isVector() ? wave.vector[source.vectorIndex()][lane] : uniform32(wave, source, i.literal);
}

void writeLane(Wave& wave, const Instruction& i) {
  const uint32_t lane = uniform32(wave, i.source[1], i.literal) & 63;
  wave.vector[i.destination - 256][lane] = uniform32(wave, i.source[0], i.literal);
}

void swapRegisters(Wave& wave, const Instruction& i) {
  uint32_t* a = wave.vector[i.destination - 256];
  uint32_t* b = wave.vector[i.source[0].vectorIndex()];
  LaneBuffer old;
  std::memcpy(old.lanes, a, sizeof old);
  copyLanes(a, b, wave.exec());
  copyLanes(b, old.lanes, wave.exec());
}

namespace {

/// Exchanges the odd rows of the destination with the even rows of the source; `rowLanes` lanes each. Both
/// lanes of an exchange must be active for it to be complete, as each register is written under EXEC.
void swapRows(Wave& wave, const Instruction& i, int rowLanes) {
  uint32_t* destination = wave.vector[i.destination - 256];
  uint32_t* source = wave.vector[i.source[0].vectorIndex()];
  LaneBuffer newDestination, newSource;
  std::memcpy(newDestination.lanes, destination, sizeof newDestination);
  std::memcpy(newSource.lanes, source, sizeof newSource);
  for (int row = 0; row < kLanes; row += 2 * rowLanes) {
    for (int lane = row; lane < row + rowLanes; lane++) {
      newDestination.lanes[lane + rowLanes] = source[lane];
      newSource.lanes[lane] = destination[lane + rowLanes];
    }
  }
  copyLanes(destination, newDestination.lanes, wave.exec());
  copyLanes(source, newSource.lanes, wave.exec());
}

}  // namespace

void swapRows16(Wave& wave, const Instruction& i) { swapRows(wave, i, 16); }
void swapRows32(Wave& wave, const Instruction& i) { swapRows(wave, i, 32); }

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
