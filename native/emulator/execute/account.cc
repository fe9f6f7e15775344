#include <cstring>

#include "execute/access.h"

// UNINITIALISED=report: every allocation, and LDS, has a byte for each of its bytes that says whether
// something has been written there. Marked and looked at when an instruction is checked, not when it takes
// effect.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

bool contains(const char* text, const char* part) { return std::strstr(text, part) != nullptr; }

/// What the instruction being executed does to the memory that it addresses, by the ISA's names. Atomics
/// read and write.
struct Effect {
  bool reads, writes;

  explicit Effect(const Wave& wave) {
    const char* mnemonic = wave.code[wave.current].opcode->mnemonic;
    const bool atomic = contains(mnemonic, "atomic");
    const bool load = !atomic && (contains(mnemonic, "load") || contains(mnemonic, "read"));
    const bool store = !atomic && (contains(mnemonic, "store") || contains(mnemonic, "write"));
    reads = !store;
    writes = !load;
  }
};

/// False where bytes are read that have not been written.
bool account(Effect effect, uint8_t* written, uint64_t bytes) {
  if (effect.reads && std::memchr(written, 0, bytes)) return false;
  if (effect.writes) std::memset(written, 1, bytes);
  return true;
}

}  // namespace

bool accountMemory(Wave& wave, const Allocation& allocation, int lane, uint64_t address, uint64_t bytes) {
  if (account(Effect(wave), allocation.written + (address - allocation.base), bytes)) return true;
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
  if (account(Effect(wave), wave.ldsWritten + at, bytes)) return true;
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
