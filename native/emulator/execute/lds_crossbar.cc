#include "execute/memory.h"
#include "execute/registers.h"

// DS instructions that move data between lanes: through the crossbar alone (swizzle, permute), or on the way
// from LDS (gfx950's transposing reads).

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

/// The lane whose value `lane` gets, by ds_swizzle's offset field.
int swizzleSource(int lane, uint32_t control) {
  const int half = lane & 32, inHalf = lane & 31;
  if (control >= 0xe000) return lane;  // FFT mode: decoded as not modelled
  if (control >= 0xc000) {             // rotate: direction, distance, mask of lane bits that stay
    const int distance = control >> 5 & 31, mask = control & 31;
    const int moved = control >> 10 & 1 ? inHalf - distance : inHalf + distance;
    return half | (inHalf & mask) | (moved & ~mask & 31);
  }
  if (control & 0x8000) return (lane & ~3) | (control >> (2 * (lane & 3)) & 3);
  const int andMask = control & 31, orMask = control >> 5 & 31, xorMask = control >> 10 & 31;
  return half | (((inHalf & andMask) | orMask) ^ xorMask);
}

void performSwizzle(Wave& wave, const Instruction& instruction, const Access& access) {
  alignas(64) uint32_t value[1][kLanes];
  for (int lane = 0; lane < kLanes; lane++) {
    const int source = swizzleSource(lane, static_cast<uint32_t>(instruction.offset));
    value[0][lane] = access.lanes >> source & 1 ? access.data[0][source] : 0;
  }
  deliverLoad(wave, instruction, access.lanes, value);
}

/// Each active lane pushes its value to the lane that its address names; the highest of several wins.
void performPermute(Wave& wave, const Instruction& instruction, const Access& access) {
  alignas(64) uint32_t value[1][kLanes] = {};
  forEachLane(access.lanes,
              [&](int lane) { value[0][access.ldsOffset[lane] >> 2 & 63] = access.data[0][lane]; });
  deliverLoad(wave, instruction, access.lanes, value);
}

/// Each lane pulls the value of the lane that its address names; from an inactive lane it gets 0.
void performBackwardPermute(Wave& wave, const Instruction& instruction, const Access& access) {
  alignas(64) uint32_t value[1][kLanes], source[kLanes];
  for (int lane = 0; lane < kLanes; lane++)
    source[lane] = access.lanes >> lane & 1 ? access.data[0][lane] : 0;
  for (int lane = 0; lane < kLanes; lane++) value[0][lane] = source[access.ldsOffset[lane] >> 2 & 63];
  deliverLoad(wave, instruction, access.lanes, value);
}

bool prepare(Wave& wave, const Instruction& instruction, Access& access) {
  if (!beginAccess(wave, instruction, kLgkmCount, access)) return false;
  const uint32_t* address = registers(wave, instruction.source[0].code)[0];
  for (int lane = 0; lane < kLanes; lane++) {
    access.ldsOffset[lane] = address[lane] + static_cast<uint32_t>(instruction.offset);
  }
  access.data = registers(wave, instruction.source[1].code);
  return true;
}

/// 16 lanes together read a matrix of 16 columns, row by row over the lanes, and each gets one column of it.
template <int Bits>
void performTransposed(Wave& wave, const Instruction& instruction, const Access& access) {
  constexpr int kDwords = Bits == 6 ? 3 : 2;
  constexpr int kElements = 32 * kDwords / Bits, kLanesPerRow = 16 / kElements;
  alignas(64) uint32_t value[kDwords][kLanes] = {};
  const auto element = [&](int lane, int index) {
    uint64_t words = 0;
    std::memcpy(&words, wave.lds + access.ldsOffset[lane] + index * Bits / 32 * 4,
                index * Bits / 32 + 2 <= kDwords ? 8 : 4);
    return static_cast<uint32_t>(words >> (index * Bits % 32)) & ((1u << Bits) - 1);
  };
  for (int lane = 0; lane < kLanes; lane++) {
    const int first = lane & ~15, column = lane & 15;
    for (int row = 0; row < kElements; row++) {
      const uint64_t x = element(first + row * kLanesPerRow + column / kElements, column % kElements);
      const uint64_t placed = x << (row * Bits % 32);
      value[row * Bits / 32][lane] |= static_cast<uint32_t>(placed);
      if (placed >> 32) value[row * Bits / 32 + 1][lane] |= static_cast<uint32_t>(placed >> 32);
    }
  }
  deliverLoad(wave, instruction, access.lanes, value);
}

}  // namespace

void ldsSwizzle(Wave& wave, const Instruction& instruction) {
  Access access;
  if (prepare(wave, instruction, access)) issue<performSwizzle>(wave, instruction, access, kLgkmCount);
}

void ldsPermute(Wave& wave, const Instruction& instruction) {
  Access access;
  if (prepare(wave, instruction, access)) issue<performPermute>(wave, instruction, access, kLgkmCount);
}

void ldsBackwardPermute(Wave& wave, const Instruction& instruction) {
  Access access;
  if (prepare(wave, instruction, access))
    issue<performBackwardPermute>(wave, instruction, access, kLgkmCount);
}

template <int Bits>
void ldsReadTransposed(Wave& wave, const Instruction& instruction) {
  Access access;
  if (!prepare(wave, instruction, access)) return;
  if (access.lanes != ~uint64_t{0}) {
    return raiseFault(wave, FaultKind::illegalInstruction, firstLane(~access.lanes), 0, 0,
                      "transposing read with inactive lanes");
  }
  if (!checkLds(wave, access, access.lanes, Bits == 6 ? 12 : 8)) return;
  issue<performTransposed<Bits>>(wave, instruction, access, kLgkmCount);
}

template void ldsReadTransposed<4>(Wave&, const Instruction&);
template void ldsReadTransposed<6>(Wave&, const Instruction&);
template void ldsReadTransposed<8>(Wave&, const Instruction&);
template void ldsReadTransposed<16>(Wave&, const Instruction&);

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
