#include "execute/access.h"
#include "execute/memory.h"

// SMEM: loads into scalar registers. Addresses are dword aligned by dropping the low bits.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

uint64_t offsetOf(const Wave& wave, const Instruction& instruction) {
  uint64_t offset = static_cast<uint64_t>(static_cast<int64_t>(instruction.offset));
  if (instruction.source[2].code != kNoScalar) offset += wave.scalar[instruction.source[2].code];
  return offset;
}

void performLoad(Wave& wave, const Instruction& instruction, const Access& access) {
  const auto* from = reinterpret_cast<const uint8_t*>(access.address[0]);
  const int inRange = access.validDwords[0];
  std::memcpy(wave.scalar + instruction.destination, from, 4 * static_cast<size_t>(inRange));
  for (int i = inRange; i < instruction.results; i++) wave.scalar[instruction.destination + i] = 0;
}

/// Loads the first `inRange` dwords from `address`; the others, beyond a buffer's range, read 0.
void load(Wave& wave, const Instruction& instruction, uint64_t address, int inRange) {
  const uint64_t bytes = 4 * static_cast<uint64_t>(inRange);
  if (inRange && !checkAddress(wave, 0, address, bytes, "scalar load")) return;
  Access access;
  access.address[0] = address;
  access.lanes = 1;
  access.validDwords[0] = static_cast<uint8_t>(inRange);
  issue<performLoad>(wave, instruction, access, kLgkmCount);
}

}  // namespace

void scalarLoad(Wave& wave, const Instruction& instruction) {
  const uint64_t base = wave.scalar64(instruction.source[0].code);
  load(wave, instruction, (base + offsetOf(wave, instruction)) & ~uint64_t{3}, instruction.results);
}

void scalarBufferLoad(Wave& wave, const Instruction& instruction) {
  const int descriptor = instruction.source[0].code;
  const uint64_t base = wave.scalar64(descriptor) & 0xffffffffffff;
  const uint64_t stride = wave.scalar[descriptor + 1] >> 16 & 0x3fff;
  const uint64_t range = wave.scalar[descriptor + 2] * (stride ? stride : 1);
  const uint64_t offset = offsetOf(wave, instruction) & ~uint64_t{3};
  const uint64_t inRange = offset < range ? (range - offset) / 4 : 0;
  load(wave, instruction, base + offset,
       inRange < instruction.results ? static_cast<int>(inRange) : instruction.results);
}

/// A clock that only ever rises: 40 per reading, whatever the host does, so that results stay the same.
void scalarTime(Wave& wave, const Instruction& instruction) {
  wave.clock += 40;
  wave.setScalar64(instruction.destination, wave.clock);
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
