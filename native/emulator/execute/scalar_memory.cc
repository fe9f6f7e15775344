#include "execute/memory.h"
#include "execute/vector_access.h"

// SMEM: scalar loads, stores and atomics. Addresses are dword aligned by dropping the low bits.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

uint64_t offsetOf(const Wave& wave, const Instruction& instruction) {
  uint64_t offset = static_cast<uint64_t>(static_cast<int64_t>(instruction.offset));
  if (instruction.source[2].code != kNoScalar) offset += wave.scalar[instruction.source[2].code];
  return offset;
}

/// Where `dwords` dwords are accessed, and how many of them a buffer's range has. False (and a fault) where
/// that must not be.
bool prepare(Wave& wave, const Instruction& instruction, int dwords, Access& access) {
  const int base = instruction.source[0].code;
  uint64_t address, inRange = static_cast<uint64_t>(dwords);
  if (instruction.memory.isBuffer) {
    const uint64_t stride = wave.scalar[base + 1] >> 16 & 0x3fff;
    const uint64_t range = wave.scalar[base + 2] * (stride ? stride : 1);
    const uint64_t offset = offsetOf(wave, instruction) & ~uint64_t{3};
    inRange = std::min(inRange, offset < range ? (range - offset) / 4 : 0);
    address = (wave.scalar64(base) & 0xffffffffffff) + offset;
  } else {
    address = (wave.scalar64(base) + offsetOf(wave, instruction)) & ~uint64_t{3};
  }
  access.address[0] = address;
  access.lanes = 1;
  access.outside = access.partial = 0;
  access.validDwords[0] = static_cast<uint8_t>(inRange);
  return !inRange || checkAddress(wave, 0, address, 4 * inRange, "scalar access");
}

void performScalarLoad(Wave& wave, const Instruction& instruction, const Access& access) {
  const int inRange = access.validDwords[0];
  std::memcpy(wave.scalar + instruction.destination, hostPointer(access.address[0]),
              4 * static_cast<size_t>(inRange));
  for (int i = inRange; i < instruction.results; i++) wave.scalar[instruction.destination + i] = 0;
}

/// The data of a store or atomic, as an access holds it: one row a register, of which the first lane counts.
struct ScalarData {
  uint32_t rows[4][kLanes] = {};

  ScalarData(const Wave& wave, const Instruction& instruction) {
    for (int i = 0; i < instruction.operands; i++) rows[i][0] = wave.scalar[instruction.source[1].code + i];
  }
};

void performScalarStore(Wave&, const Instruction&, const Access& access) {
  for (int i = 0; i < access.validDwords[0]; i++) {
    std::memcpy(hostPointer(access.address[0]) + 4 * i, &access.data[i][0], 4);
  }
}

template <class T>
void performScalarAtomic(Wave& wave, const Instruction& instruction, const Access& access) {
  T old = 0;
  if (access.validDwords[0] == sizeof(T) / 4) {
    const auto* second = secondData<T>(instruction, access);
    old = sharedUpdate<T>(instruction.memory.atomic, hostPointer(access.address[0]),
                          dataOf<T>(access.data, 0), second ? dataOf<T>(second, 0) : T{0});
  }
  if (instruction.returns) std::memcpy(wave.scalar + instruction.destination, &old, sizeof old);
}

}  // namespace

void scalarLoad(Wave& wave, const Instruction& instruction) {
  Access access;
  if (prepare(wave, instruction, instruction.results, access))
    issue<performScalarLoad>(wave, instruction, access, kLgkmCount);
}

void scalarStore(Wave& wave, const Instruction& instruction) {
  Access access;
  if (!prepare(wave, instruction, instruction.operands, access)) return;
  const ScalarData data(wave, instruction);
  access.data = data.rows;
  issue<performScalarStore>(wave, instruction, access, kLgkmCount);
}

template <class T>
void scalarAtomic(Wave& wave, const Instruction& instruction) {
  Access access;
  if (!prepare(wave, instruction, sizeof(T) / 4, access)) return;
  if (access.address[0] % sizeof(T))
    return raiseFault(wave, FaultKind::misaligned, -1, access.address[0], sizeof(T), "scalar atomic");
  const ScalarData data(wave, instruction);
  access.data = data.rows;
  issue<performScalarAtomic<T>>(wave, instruction, access, kLgkmCount);
}
FOR_EACH_ATOMIC_TYPE(scalarAtomic);

/// A clock that only ever rises: 40 per reading, whatever the host does, so that results stay the same.
void scalarTime(Wave& wave, const Instruction& instruction) {
  wave.clock += 40;
  wave.setScalar64(instruction.destination, wave.clock);
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
