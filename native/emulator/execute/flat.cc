#include "execute/memory.h"
#include "execute/private_memory.h"
#include "execute/vector_access.h"

// FLAT instructions: 64-bit addresses that mean device memory or, within the apertures, LDS and private
// memory. Most waves address device memory alone and take GLOBAL's path.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

constexpr uint8_t kBothCounts = kVmCount | kLgkmCount;

bool inShared(uint64_t address) { return address - kSharedAperture < kApertureBytes; }
bool inPrivate(uint64_t address) { return address - kPrivateAperture < kApertureBytes; }

bool checkLane(Wave& wave, int lane, uint64_t address, uint64_t bytes) {
  if (inShared(address)) {
    const uint64_t offset = address - kSharedAperture;
    if (offset + bytes <= wave.ldsBytes) {
      return !wave.ldsWritten ||
             accountLds(wave, lane, static_cast<uint32_t>(offset), static_cast<uint32_t>(bytes));
    }
    raiseFault(wave, FaultKind::ldsOutOfRange, lane, address - kSharedAperture, bytes, "flat access");
  } else if (inPrivate(address)) {
    if (address - kPrivateAperture + bytes <= wave.scratchBytes) return true;
    raiseFault(wave, FaultKind::illegalAddress, lane, address - kPrivateAperture, bytes,
               "outside private memory");
  } else {
    return checkAddress(wave, lane, address, bytes);
  }
  return false;
}

enum class Reach { nothing, deviceOnly, apertures };

/// Fills in and checks all addresses; says whether any lies in an aperture.
Reach prepare(Wave& wave, const Instruction& instruction, uint64_t bytes, Access& access) {
  if (!beginAccess(wave, instruction, kBothCounts, access)) return Reach::nothing;
  const uint32_t(*address)[kLanes] = registers(wave, instruction.source[0].code);
  for (int lane = 0; lane < kLanes; lane++) {
    access.address[lane] =
        (address[0][lane] | uint64_t{address[1][lane]} << 32) + static_cast<uint64_t>(instruction.offset);
  }
  fillInactive(access.address, access.lanes);
  uint64_t bits = 0;
  for (int lane = 0; lane < kLanes; lane++) bits |= access.address[lane];
  if (bits < kSharedAperture) {  // a power of two: no address reaches it
    return checkAddresses(wave, access, access.lanes, bytes) ? Reach::deviceOnly : Reach::nothing;
  }
  for (uint64_t lanes = access.lanes; lanes; lanes &= lanes - 1) {
    const int lane = firstLane(lanes);
    if (!checkLane(wave, lane, access.address[lane], bytes)) return Reach::nothing;
  }
  return Reach::apertures;
}

/// Copies between `value` and memory of any kind.
template <bool kWrite>
void copyLane(Wave& wave, int lane, uint64_t address, uint8_t* value, uint32_t bytes) {
  if (inPrivate(address)) {
    return copyPrivate<kWrite>(wave.scratch, static_cast<uint32_t>(address - kPrivateAperture), lane, value,
                               bytes);
  }
  uint8_t* memory = inShared(address) ? wave.lds + (address - kSharedAperture) : hostPointer(address);
  kWrite ? std::memcpy(memory, value, bytes) : std::memcpy(value, memory, bytes);
}

template <int Bytes>
void performApertureLoad(Wave& wave, const Instruction& instruction, const Access& access) {
  alignas(64) uint32_t value[4][kLanes] = {};
  forEachLane(access.lanes, [&](int lane) {
    uint8_t bytes[16];
    uint32_t dwords[4];
    copyLane<false>(wave, lane, access.address[lane], bytes, Bytes);
    loadLane<Bytes>(bytes, instruction.signedData, dwords);
    for (int i = 0; i < (Bytes + 3) / 4; i++) value[i][lane] = dwords[i];
  });
  deliverLoad(wave, instruction, access.lanes, value);
}

template <int Bytes>
void performApertureStore(Wave& wave, const Instruction& instruction, const Access& access) {
  forEachLane(access.lanes, [&](int lane) {
    uint8_t bytes[16];
    storeLane<Bytes>(bytes, access.data, lane, instruction.half);
    copyLane<true>(wave, lane, access.address[lane], bytes, Bytes);
  });
}

template <class T>
void performApertureAtomic(Wave& wave, const Instruction& instruction, const Access& access) {
  const auto kind = instruction.memory.atomic;
  const ScopedMxcsr floatMode(mxcsrOfMemoryAtomics(wave.group->target, sizeof(T)));
  updateLanes<T>(wave, instruction, access.lanes, access.data, secondData<T>(instruction, access),
                 [&](int lane, T data, T second) {
                   const uint64_t address = access.address[lane];
                   if (!inShared(address) && !inPrivate(address)) {
                     return sharedUpdate<T>(kind, hostPointer(address), data, second);
                   }
                   const ScopedMxcsr ldsMode(mxcsrOfLdsAtomics(wave.mode, sizeof(T)));
                   uint8_t bytes[sizeof(T)];
                   copyLane<false>(wave, lane, address, bytes, sizeof(T));
                   const T old = privateUpdate<T>(kind, bytes, data, second);
                   copyLane<true>(wave, lane, address, bytes, sizeof(T));
                   return old;
                 });
}

}  // namespace

template <int Bytes>
void flatLoad(Wave& wave, const Instruction& instruction) {
  Access access;
  const Reach reach = prepare(wave, instruction, Bytes, access);
  if (reach == Reach::deviceOnly) issue<performLoad<Bytes>>(wave, instruction, access, kBothCounts);
  if (reach == Reach::apertures) issue<performApertureLoad<Bytes>>(wave, instruction, access, kBothCounts);
}

template <int Bytes>
void flatStore(Wave& wave, const Instruction& instruction) {
  Access access;
  const Reach reach = prepare(wave, instruction, Bytes, access);
  access.data = registers(wave, instruction.source[1].code);
  if (reach == Reach::deviceOnly) issue<performStore<Bytes>>(wave, instruction, access, kBothCounts);
  if (reach == Reach::apertures) issue<performApertureStore<Bytes>>(wave, instruction, access, kBothCounts);
}

template <class T>
void flatAtomic(Wave& wave, const Instruction& instruction) {
  Access access;
  const Reach reach = prepare(wave, instruction, sizeof(T), access);
  if (reach == Reach::nothing || !checkAlignment(wave, access, access.lanes, sizeof(T))) return;
  access.data = registers(wave, instruction.source[1].code);
  if (reach == Reach::deviceOnly) issue<performAtomic<T>>(wave, instruction, access, kBothCounts);
  if (reach == Reach::apertures) issue<performApertureAtomic<T>>(wave, instruction, access, kBothCounts);
}

FOR_EACH_SIZE(flatLoad);
FOR_EACH_SIZE(flatStore);
FOR_EACH_ATOMIC_TYPE(flatAtomic);

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
