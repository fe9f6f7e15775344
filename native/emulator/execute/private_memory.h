#pragma once

#include "execute/registers.h"

// Private memory is swizzled by dwords: byte `offset` of `lane` lies at (offset / 4) * 256 + lane * 4 +
// offset % 4 behind its origin, so that a dword of all lanes is one contiguous row.

namespace emulator {
namespace EMULATOR_LEVEL {

inline uint64_t swizzled(uint32_t offset, int lane) {
  return uint64_t{offset / 4} * (4 * kLanes) + static_cast<uint64_t>(lane) * 4 + offset % 4;
}

/// Copies between a lane's private memory and `value`, byte by byte where a dword is split.
template <bool kWrite>
inline void copyPrivate(uint8_t* origin, uint32_t offset, int lane, uint8_t* value, uint32_t bytes) {
  while (bytes) {
    const uint32_t room = 4 - offset % 4, step = bytes < room ? bytes : room;
    uint8_t* memory = origin + swizzled(offset, lane);
    kWrite ? std::memcpy(memory, value, step) : std::memcpy(value, memory, step);
    offset += step;
    value += step;
    bytes -= step;
  }
}

/// All lanes at the same, aligned offset: rows of registers.
inline bool uniformRow(const Access& access) {
  uint32_t difference = 0;
  for (int lane = 0; lane < kLanes; lane++) difference |= access.ldsOffset[lane] ^ access.ldsOffset[0];
  return difference == 0 && access.ldsOffset[0] % 4 == 0;
}

/// The effect of a private load; `access.ldsOffset` holds the lanes' offsets from `access.origin`.
template <int Bytes>
void performPrivateLoad(Wave& wave, const Instruction& instruction, const Access& access) {
  if constexpr (Bytes >= 4) {
    if (uniformRow(access)) {
      const auto* rows =
          reinterpret_cast<const uint32_t(*)[kLanes]>(access.origin + swizzled(access.ldsOffset[0], 0));
      return deliverLoad(wave, instruction, access.lanes, rows);
    }
  }
  alignas(64) uint32_t value[(Bytes + 3) / 4][kLanes] = {};
  forEachLane(access.lanes, [&](int lane) {
    alignas(16) uint8_t bytes[16];
    copyPrivate<false>(access.origin, access.ldsOffset[lane], lane, bytes, Bytes);
    if constexpr (Bytes == 1) {
      value[0][lane] = instruction.signedData ? static_cast<uint32_t>(loadAs<int8_t>(bytes)) : bytes[0];
    } else if constexpr (Bytes == 2) {
      value[0][lane] =
          instruction.signedData ? static_cast<uint32_t>(loadAs<int16_t>(bytes)) : loadAs<uint16_t>(bytes);
    } else {
      for (int i = 0; i < Bytes / 4; i++) value[i][lane] = loadAs<uint32_t>(bytes + 4 * i);
    }
  });
  deliverLoad(wave, instruction, access.lanes, value);
}

template <int Bytes>
void performPrivateStore(Wave&, const Instruction& instruction, const Access& access) {
  if constexpr (Bytes >= 4) {
    if (uniformRow(access)) {
      auto* rows = reinterpret_cast<uint32_t(*)[kLanes]>(access.origin + swizzled(access.ldsOffset[0], 0));
      for (int i = 0; i < Bytes / 4; i++) copyLanes(rows[i], access.data[i], access.lanes);
      return;
    }
  }
  forEachLane(access.lanes, [&](int lane) {
    alignas(16) uint8_t bytes[16];
    storeLane<Bytes>(bytes, access.data, lane, instruction.half);
    copyPrivate<true>(access.origin, access.ldsOffset[lane], lane, bytes, Bytes);
  });
}

/// Checks that every active lane stays within `bytesPerLane` bytes of private memory.
inline bool checkPrivate(Wave& wave, const Access& access, uint64_t bytesPerLane, uint32_t bytes) {
  if (__builtin_expect(uint64_t{highestOf(access.ldsOffset, 0)} + bytes <= bytesPerLane, 1)) return true;
  for (uint64_t lanes = access.lanes; lanes; lanes &= lanes - 1) {
    const int lane = firstLane(lanes);
    if (uint64_t{access.ldsOffset[lane]} + bytes <= bytesPerLane) continue;
    raiseFault(wave, FaultKind::illegalAddress, lane, access.ldsOffset[lane], bytes,
               "outside private memory");
    return false;
  }
  return true;
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
