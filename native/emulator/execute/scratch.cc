#include "execute/memory.h"
#include "execute/private_memory.h"

// SCRATCH instructions: an offset into each lane's private memory, the sum of an immediate and, where the
// encoding has them, a vector and a scalar register.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

bool prepare(Wave& wave, const Instruction& instruction, uint32_t bytes, Access& access) {
  if (!beginAccess(wave, instruction, kVmCount, access)) return false;
  uint32_t offset = static_cast<uint32_t>(instruction.offset);
  if (instruction.source[2].code != kNoScalar) offset += wave.scalar[instruction.source[2].code];
  const uint32_t(*vector)[kLanes] =
      instruction.indexEnable ? registers(wave, instruction.source[0].code) : nullptr;
  for (int lane = 0; lane < kLanes; lane++) access.ldsOffset[lane] = offset + (vector ? vector[0][lane] : 0);
  fillInactive(access.ldsOffset, access.lanes);
  access.origin = wave.scratch;
  return checkPrivate(wave, access, wave.scratchBytes, bytes);
}

}  // namespace

template <int Bytes>
void scratchLoad(Wave& wave, const Instruction& instruction) {
  Access access;
  if (!prepare(wave, instruction, Bytes, access)) return;
  issue<performPrivateLoad<Bytes>>(wave, instruction, access, kVmCount);
}

template <int Bytes>
void scratchStore(Wave& wave, const Instruction& instruction) {
  Access access;
  if (!prepare(wave, instruction, Bytes, access)) return;
  access.data = registers(wave, instruction.source[1].code);
  issue<performPrivateStore<Bytes>>(wave, instruction, access, kVmCount);
}

FOR_EACH_SIZE(scratchLoad);
FOR_EACH_SIZE(scratchStore);

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
