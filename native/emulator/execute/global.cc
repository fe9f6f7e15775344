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

template void globalLoad<1>(Wave&, const Instruction&);
template void globalLoad<2>(Wave&, const Instruction&);
template void globalLoad<4>(Wave&, const Instruction&);
template void globalLoad<8>(Wave&, const Instruction&);
template void globalLoad<12>(Wave&, const Instruction&);
template void globalLoad<16>(Wave&, const Instruction&);
template void globalStore<1>(Wave&, const Instruction&);
template void globalStore<2>(Wave&, const Instruction&);
template void globalStore<4>(Wave&, const Instruction&);
template void globalStore<8>(Wave&, const Instruction&);
template void globalStore<12>(Wave&, const Instruction&);
template void globalStore<16>(Wave&, const Instruction&);
template void globalLoadLds<1>(Wave&, const Instruction&);
template void globalLoadLds<2>(Wave&, const Instruction&);
template void globalLoadLds<4>(Wave&, const Instruction&);
template void globalLoadLds<12>(Wave&, const Instruction&);
template void globalLoadLds<16>(Wave&, const Instruction&);
template void globalAtomic<uint32_t>(Wave&, const Instruction&);
template void globalAtomic<uint64_t>(Wave&, const Instruction&);

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
