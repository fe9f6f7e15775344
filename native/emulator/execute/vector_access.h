#pragma once

#include "execute/atomics.h"
#include "execute/float_mode.h"
#include "execute/registers.h"

// What FLAT, GLOBAL and MUBUF have in common once a wave's addresses are known: the effects on memory.

namespace emulator {
namespace EMULATOR_LEVEL {

inline uint8_t* hostPointer(uint64_t address) { return reinterpret_cast<uint8_t*>(address); }

/// Whether lane i's address is lane 0's plus i * bytes, for all lanes.
inline bool contiguous(const uint64_t (&address)[kLanes], uint64_t bytes) {
  if (address[kLanes - 1] - address[0] != (kLanes - 1) * bytes) return false;
  uint64_t difference = 0;
  for (int lane = 0; lane < kLanes; lane++) difference |= address[lane] ^ (address[0] + lane * bytes);
  return difference == 0;
}

template <int Bytes>
void performLoad(Wave& wave, const Instruction& instruction, const Access& access) {
  if constexpr (Bytes == 4) {
    if (contiguous(access.address, 4)) {
      return copyLanes(registers(wave, instruction.destination)[0], hostPointer(access.address[0]),
                       access.lanes);
    }
  }
  load<Bytes>(wave, instruction, access.lanes, [&](int lane) { return hostPointer(access.address[lane]); });
}

template <int Bytes>
void performStore(Wave&, const Instruction& instruction, const Access& access) {
  if constexpr (Bytes == 4) {
    if (access.lanes == ~uint64_t{0} && contiguous(access.address, 4)) {
      std::memcpy(hostPointer(access.address[0]), access.data[0], sizeof access.data[0]);
      return;
    }
  }
  store<Bytes>(instruction, access.lanes, access.data,
               [&](int lane) { return hostPointer(access.address[lane]); });
}

/// One lane's value of a small or wide load, as dwords.
template <int Bytes>
inline void loadLane(const uint8_t* from, bool signedData, uint32_t* value) {
  if constexpr (Bytes == 1) {
    *value = signedData ? static_cast<uint32_t>(loadAs<int8_t>(from)) : *from;
  } else if constexpr (Bytes == 2) {
    *value = signedData ? static_cast<uint32_t>(loadAs<int16_t>(from)) : loadAs<uint16_t>(from);
  } else {
    std::memcpy(value, from, Bytes);
  }
}

/// LDS bytes per lane of a load into LDS: small values fill a dword.
template <int Bytes>
constexpr uint32_t kLdsStride = Bytes < 4 ? 4 : Bytes;

template <int Bytes>
void performLoadLds(Wave& wave, const Instruction& instruction, const Access& access) {
  uint8_t* lds = wave.lds + access.ldsBase;
  if constexpr (Bytes >= 4) {
    if (access.lanes == ~uint64_t{0} && !(access.outside | access.partial)) {
      if (contiguous(access.address, Bytes)) {
        std::memcpy(lds, hostPointer(access.address[0]), kLanes * Bytes);
        return;
      }
      for (int lane = 0; lane < kLanes; lane++)
        std::memcpy(lds + lane * Bytes, hostPointer(access.address[lane]), Bytes);
      return;
    }
  }
  forEachLane(access.lanes, [&](int lane) {
    uint32_t value[(Bytes + 3) / 4] = {};
    const bool partial = access.partial >> lane & 1;
    if (partial) {
      for (int i = 0; i < Bytes / 4; i++) {
        if (access.validDwords[lane] >> i & 1) {
          std::memcpy(value + i, hostPointer(access.address[lane]) + 4 * i, 4);
        }
      }
    } else if (!(access.outside >> lane & 1)) {
      loadLane<Bytes>(hostPointer(access.address[lane]), instruction.signedData, value);
    }
    std::memcpy(lds + lane * kLdsStride<Bytes>, value, sizeof value);
  });
}

/// Where a load into LDS puts its data: M0 holds the base, the instruction's offset counts on both sides.
template <int Bytes>
inline bool prepareLoadLds(Wave& wave, const Instruction& instruction, Access& access, uint64_t lanes) {
  access.ldsBase = (wave.scalar[reg::m0] & 0x3ffff) + static_cast<uint32_t>(instruction.offset);
  const int last = 63 - __builtin_clzll(lanes);
  const uint64_t end = uint64_t{access.ldsBase} + static_cast<uint32_t>(last + 1) * kLdsStride<Bytes>;
  if (end <= wave.ldsBytes) {
    if (wave.ldsWritten) {
      uint8_t* written = wave.ldsWritten + access.ldsBase;
      forEachLane(lanes,
                  [&](int lane) { std::memset(written + lane * kLdsStride<Bytes>, 1, kLdsStride<Bytes>); });
    }
    return true;
  }
  raiseFault(wave, FaultKind::ldsOutOfRange, last, end - kLdsStride<Bytes>, kLdsStride<Bytes>,
             "load into LDS");
  return false;
}

template <class T>
inline T dataOf(const uint32_t (*data)[kLanes], int lane) {
  if constexpr (sizeof(T) == 4) {
    return data[0][lane];
  } else {
    return data[0][lane] | uint64_t{data[1][lane]} << 32;
  }
}

/// Runs `update(lane, data, second)`, which returns the old value, for each lane, and delivers the old values
/// where the instruction wants them.
template <class T, class Update>
inline void updateLanes(Wave& wave, const Instruction& instruction, uint64_t lanes,
                        const uint32_t (*data)[kLanes], const uint32_t (*second)[kLanes], Update update) {
  alignas(64) uint32_t old[2][kLanes];
  forEachLane(lanes, [&](int lane) {
    const T value = update(lane, dataOf<T>(data, lane), second ? dataOf<T>(second, lane) : T{0});
    old[0][lane] = static_cast<uint32_t>(value);
    if constexpr (sizeof(T) == 8) old[1][lane] = static_cast<uint32_t>(value >> 32);
  });
  if (instruction.returns) deliverLoad(wave, instruction, lanes, old);
}

/// FLAT and MUBUF compare-and-swap: the compare value follows the new one in the data registers.
template <class T>
inline const uint32_t (*secondData(const Instruction& instruction, const Access& access))[kLanes] {
  return instruction.operands > sizeof(T) / 4 ? access.data + sizeof(T) / 4 : nullptr;
}

template <class T>
void performAtomic(Wave& wave, const Instruction& instruction, const Access& access) {
  const auto kind = instruction.memory.atomic;
  const ScopedMxcsr floatMode(mxcsrOfMemoryAtomics(wave.group->target, sizeof(T)));
  updateLanes<T>(wave, instruction, access.lanes & ~access.outside, access.data,
                 secondData<T>(instruction, access), [&](int lane, T data, T second) {
                   return sharedUpdate<T>(kind, hostPointer(access.address[lane]), data, second);
                 });
  if (instruction.returns && access.outside) {
    alignas(64) const uint32_t zero[2][kLanes] = {};
    deliverLoad(wave, instruction, access.outside, zero);
  }
}

/// Atomics must be aligned to their size.
inline bool checkAlignment(Wave& wave, const Access& access, uint64_t lanes, uint64_t bytes) {
  for (; lanes; lanes &= lanes - 1) {
    const int lane = firstLane(lanes);
    if (access.address[lane] % bytes == 0) continue;
    raiseFault(wave, FaultKind::misaligned, lane, access.address[lane], bytes, "atomic");
    return false;
  }
  return true;
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
