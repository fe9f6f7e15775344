#include <cstring>

#include "execute/access.h"

// UNINITIALISED=report: every allocation, and LDS, has a byte for each of its bytes that says whether
// something has been written there. Marked and looked at when an instruction is checked, not when it takes
// effect.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

/// Does with account what the instruction being executed does with memory. False where bytes are read that
/// have not been written.
bool account(const Wave& wave, uint8_t* written, uint64_t bytes) {
  const Opcode& opcode = *wave.code[wave.current].opcode;
  if (opcode.reads && std::memchr(written, 0, bytes)) return false;
  if (opcode.writes) std::memset(written, 1, bytes);
  return true;
}

}  // namespace

bool accountMemory(Wave& wave, const Allocation& allocation, int lane, uint64_t address, uint64_t bytes) {
  if (account(wave, allocation.written + (address - allocation.base), bytes)) return true;
  raiseFault(wave, FaultKind::uninitialised, lane, address, bytes, "");
  return false;
}

bool accountMemory(Wave& wave, const Allocation& allocation, const Access& access, uint64_t lanes,
                   uint64_t bytes) {
  for (; lanes; lanes &= lanes - 1) {
    const int lane = firstLane(lanes);
    if (!accountMemory(wave, allocation, lane, access.address[lane], bytes)) return false;
  }
  return true;
}

bool accountLds(Wave& wave, int lane, uint32_t at, uint32_t bytes) {
  if (account(wave, wave.ldsWritten + at, bytes)) return true;
  raiseFault(wave, FaultKind::uninitialised, lane, at, bytes, "LDS");
  return false;
}

bool accountLds(Wave& wave, const Access& access, uint64_t lanes, uint32_t bytes, uint32_t offset) {
  for (; lanes; lanes &= lanes - 1) {
    const int lane = firstLane(lanes);
    if (!accountLds(wave, lane, access.ldsOffset[lane] + offset, bytes)) return false;
  }
  return true;
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
