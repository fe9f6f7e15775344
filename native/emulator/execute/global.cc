#include "execute/memory.h"
#include "execute/vector_access.h"

// GLOBAL instructions: every lane has an address in device memory, either 64 bits from a register pair or a
// scalar base plus 32 bits.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

/// Fills in the addresses of all lanes and checks them. False where nothing is left to do.
bool prepare(Wave& wave, const Instruction& instruction, uint64_t bytes, Access& access) {
  if (!beginAccess(wave, instruction, kVmCount, access)) return false;
  const uint32_t(*address)[kLanes] = registers(wave, instruction.source[0].code);
  const int64_t offset = instruction.offset;
  const uint16_t base = instruction.source[2].code;
  if (base != kNoScalar) {
    const uint64_t start = wave.scalar64(base) + static_cast<uint64_t>(offset);
    for (int lane = 0; lane < kLanes; lane++) access.address[lane] = start + address[0][lane];
  } else {
    for (int lane = 0; lane < kLanes; lane++) {
      access.address[lane] =
          (address[0][lane] | uint64_t{address[1][lane]} << 32) + static_cast<uint64_t>(offset);
    }
  }
  fillInactive(access.address, access.lanes);
  return checkAddresses(wave, access, access.lanes, bytes);
}

}  // namespace

template <int Bytes>
void globalLoad(Wave& wave, const Instruction& instruction) {
  Access access;
  if (prepare(wave, instruction, Bytes, access))
    issue<performLoad<Bytes>>(wave, instruction, access, kVmCount);
}

template <int Bytes>
void globalStore(Wave& wave, const Instruction& instruction) {
  Access access;
  if (!prepare(wave, instruction, Bytes, access)) return;
  access.data = registers(wave, instruction.source[1].code);
  issue<performStore<Bytes>>(wave, instruction, access, kVmCount);
}

template <int Bytes>
void globalLoadLds(Wave& wave, const Instruction& instruction) {
  Access access;
  if (!prepare(wave, instruction, Bytes, access)) return;
  if (!prepareLoadLds<Bytes>(wave, instruction, access, access.lanes)) return;
  issue<performLoadLds<Bytes>>(wave, instruction, access, kVmCount);
}

template <class T>
void globalAtomic(Wave& wave, const Instruction& instruction) {
  Access access;
  if (!prepare(wave, instruction, sizeof(T), access)) return;
  if (!checkAlignment(wave, access, access.lanes, sizeof(T))) return;
  access.data = registers(wave, instruction.source[1].code);
  issue<performAtomic<T>>(wave, instruction, access, kVmCount);
}

void noEffect(Wave&, const Instruction&) {}

FOR_EACH_SIZE(globalLoad);
FOR_EACH_SIZE(globalStore);
FOR_EACH_LDS_SIZE(globalLoadLds);
FOR_EACH_ATOMIC_TYPE(globalAtomic);

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
