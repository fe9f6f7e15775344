#pragma once

#include <cstdint>
#include <cstring>

#include "wave/wave.h"
#include "wave/workgroup.h"

// How memory instructions are built: a handler computes the addresses of all lanes into an Access, checks
// them as a whole, and hands the Access to `issue`, which performs it at once or, under late delivery, at the
// s_waitcnt that covers it. Every access of vector memory, LDS and scalar memory passes through `issue`.

namespace emulator {

/// The hardware counters that an s_waitcnt waits for.
enum Counters : uint8_t { kVmCount = 1, kLgkmCount = 2 };

/// One memory instruction of a wave between its address calculation and its effect: everything the effect
/// depends on that later instructions could change.
struct alignas(64) Access {
  union {
    uint64_t address[kLanes];    ///< host addresses (vector memory); [0] alone for scalar memory
    uint32_t ldsOffset[kLanes];  ///< byte offsets in LDS, or in a lane's swizzled private memory
  };
  uint64_t lanes;                   ///< active lanes, less those whose store is dropped
  uint64_t outside;                 ///< of these, loads that lie out of their buffer's range: they read 0
  uint64_t partial;                 ///< of these, lanes of which only some dwords lie in range
  const uint32_t (*data)[kLanes];   ///< registers to store, one row per register
  const uint32_t (*data1)[kLanes];  ///< the second data operand of DS
  uint8_t* origin;                  ///< swizzled private memory: where offset 0 of lane 0 lies
  uint32_t ldsBase;                 ///< loads into LDS: where lane 0's data goes
  uint8_t validDwords[kLanes];      ///< for lanes in `partial`: bit i says that dword i is in range
};

/// Makes an access's effect visible.
using Perform = void (*)(Wave&, const Instruction&, const Access&);

namespace EMULATOR_LEVEL {

/// Counts an access, and performs it or queues it for late delivery, as the wave's options are (delivery.cc).
void intercept(Wave& wave, const Instruction& instruction, const Access& access, Perform perform,
               uint8_t counters);
/// The same for an access without an effect (delivery.cc).
void interceptNothing(Wave& wave, const Instruction& instruction, uint8_t counters);

/// The one door to memory: every access passes here, checked and ready to take effect.
template <Perform kPerform>
inline void issue(Wave& wave, const Instruction& instruction, const Access& access, uint8_t counters) {
  if (__builtin_expect(wave.intercepts, 0)) {
    intercept(wave, instruction, access, kPerform, counters);
  } else {
    kPerform(wave, instruction, access);
  }
}

inline int firstLane(uint64_t lanes) { return __builtin_ctzll(lanes); }

/// Begins a vector access of the active lanes. False where there are none: it moves nothing then, but counts
/// as outstanding like any other, since the waits that the compiler has placed behind it know nothing of
/// EXEC.
inline bool beginAccess(Wave& wave, const Instruction& instruction, uint8_t counters, Access& access) {
  access.lanes = wave.exec();
  access.outside = access.partial = 0;
  if (access.lanes) return true;
  if (wave.intercepts) interceptNothing(wave, instruction, counters);
  return false;
}

/// Calls `body(lane)` for each lane of a mask, in ascending order: of several lanes that store to one address
/// the highest wins.
template <class Body>
inline void forEachLane(uint64_t lanes, Body body) {
  for (; lanes; lanes &= lanes - 1) body(firstLane(lanes));
}

/// Lanes outside `lanes` get the value of the first lane in it, so that whole-wave code may touch them.
/// `lanes` is not empty.
template <class T>
inline void fillInactive(T (&values)[kLanes], uint64_t lanes) {
  if (lanes == ~uint64_t{0}) return;
  const T safe = values[firstLane(lanes)];
  for (int lane = 0; lane < kLanes; lane++) values[lane] = lanes >> lane & 1 ? values[lane] : safe;
}

/// The highest value, each with `added` to it.
inline uint32_t highestOf(const uint32_t (&values)[kLanes], uint32_t added) {
  uint32_t highest = 0;
  for (int lane = 0; lane < kLanes; lane++) {
    const uint32_t value = values[lane] + added;
    highest = value > highest ? value : highest;
  }
  return highest;
}

/// The live allocation that holds [address, address + bytes), or null.
inline const Allocation* findAllocation(Wave& wave, uint64_t address, uint64_t bytes) {
  const Allocation*& recent = wave.group->recentAllocations[wave.pc & 15];
  if (recent && address >= recent->base && address - recent->base <= recent->bytes &&
      bytes <= recent->bytes - (address - recent->base)) {
    return recent;
  }
  const Allocation* found = wave.group->memory->find(address, bytes);
  if (found) recent = found;
  return found;
}

/// Whether [address, address + bytes) of every lane lies in [base, base + size). No size reaches 2^63, so
/// that a sign bit tells what lies outside.
inline bool allWithin(const uint64_t (&address)[kLanes], uint64_t bytes, uint64_t base, uint64_t size) {
  if (bytes > size) return false;
  const uint64_t last = size - bytes;
  uint64_t outside = 0;
  for (int lane = 0; lane < kLanes; lane++) {
    const uint64_t offset = address[lane] - base;
    outside |= offset | (last - offset);
  }
  return outside >> 63 == 0;
}

/// Keeps account of what is written, where somebody wants that (account.cc): marks what the instruction being
/// executed writes, raises a fault where it reads bytes that nobody has written.
bool accountMemory(Wave& wave, const Allocation& allocation, int lane, uint64_t address, uint64_t bytes);
bool accountMemory(Wave& wave, const Allocation& allocation, const Access& access, uint64_t lanes,
                   uint64_t bytes);
bool accountLds(Wave& wave, int lane, uint32_t at, uint32_t bytes);
bool accountLds(Wave& wave, const Access& access, uint64_t lanes, uint32_t bytes, uint32_t offset);

/// Checks that one lane may access `bytes` bytes at `address`. `detail` goes into the report.
inline bool checkAddress(Wave& wave, int lane, uint64_t address, uint64_t bytes, const char* detail = "") {
  const Allocation* allocation = findAllocation(wave, address, bytes);
  if (__builtin_expect(allocation && !allocation->written, 1)) return true;
  if (allocation) return accountMemory(wave, *allocation, lane, address, bytes);
  raiseFault(wave, FaultKind::illegalAddress, lane, address, bytes, detail);
  return false;
}

/// Checks that every lane in `lanes` may access `bytes` bytes at its address; inactive lanes must have been
/// filled. Raises the fault of the first lane that may not.
inline bool checkAddresses(Wave& wave, const Access& access, uint64_t lanes, uint64_t bytes) {
  const Allocation* near = findAllocation(wave, access.address[0], bytes);
  if (__builtin_expect(near && allWithin(access.address, bytes, near->base, near->bytes), 1)) {
    return __builtin_expect(!near->written, 1) || accountMemory(wave, *near, access, lanes, bytes);
  }
  for (; lanes; lanes &= lanes - 1) {
    const int lane = firstLane(lanes);
    if (!checkAddress(wave, lane, access.address[lane], bytes)) return false;
  }
  return true;
}

/// The same for LDS, `offset` behind each lane's. Hardware would read 0 and drop writes out of range, but
/// only a kernel with a mistake does it.
inline bool checkLds(Wave& wave, const Access& access, uint64_t lanes, uint32_t bytes, uint32_t offset = 0) {
  const uint32_t highest = highestOf(access.ldsOffset, offset);
  if (__builtin_expect(uint64_t{highest} + bytes <= wave.ldsBytes, 1)) {
    return __builtin_expect(!wave.ldsWritten, 1) || accountLds(wave, access, lanes, bytes, offset);
  }
  for (; lanes; lanes &= lanes - 1) {
    const int lane = firstLane(lanes);
    const uint32_t at = access.ldsOffset[lane] + offset;
    if (uint64_t{at} + bytes <= wave.ldsBytes) continue;
    raiseFault(wave, FaultKind::ldsOutOfRange, lane, at, bytes, "");
    return false;
  }
  return true;
}

/// The register block from an operand code (v or a) on, one row per register.
inline uint32_t (*registers(Wave& wave, int code))[kLanes] { return wave.vector + (code - 256); }

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
