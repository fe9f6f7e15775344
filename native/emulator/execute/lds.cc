#include "execute/memory.h"
#include "execute/vector_access.h"

// DS: reads, writes and atomics in the workgroup's LDS. Only one host thread runs a workgroup, so its atomics
// need no host atomics.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

/// Fills in the LDS offsets of all lanes. False where no lane is active.
bool address(Wave& wave, const Instruction& instruction, Access& access) {
  if (!beginAccess(wave, instruction, kLgkmCount, access)) return false;
  if (instruction.indexEnable) {  // *_addtid: M0 and the lane number instead of an address register
    const uint32_t base = wave.scalar[reg::m0] & 0xffff;
    for (uint32_t lane = 0; lane < kLanes; lane++) access.ldsOffset[lane] = base + 4 * lane;
  } else {
    std::memcpy(access.ldsOffset, registers(wave, instruction.source[0].code), sizeof access.ldsOffset);
  }
  fillInactive(access.ldsOffset, access.lanes);
  return true;
}

/// The same with the instruction's offset added, and checked.
bool prepare(Wave& wave, const Instruction& instruction, uint32_t bytes, Access& access) {
  if (!address(wave, instruction, access)) return false;
  for (uint32_t& offset : access.ldsOffset) offset += static_cast<uint32_t>(instruction.offset);
  return checkLds(wave, access, access.lanes, bytes);
}

/// For instructions with two offsets: both checked, neither added.
bool prepare2(Wave& wave, const Instruction& instruction, uint32_t bytes, Access& access) {
  if (!address(wave, instruction, access)) return false;
  return checkLds(wave, access, access.lanes, bytes, static_cast<uint32_t>(instruction.offset)) &&
         checkLds(wave, access, access.lanes, bytes, static_cast<uint32_t>(instruction.offset1));
}

bool contiguousRow(const uint32_t (&offset)[kLanes]) {
  if (offset[kLanes - 1] - offset[0] != 4 * (kLanes - 1)) return false;
  uint32_t difference = 0;
  for (uint32_t lane = 0; lane < kLanes; lane++) difference |= offset[lane] ^ (offset[0] + 4 * lane);
  return difference == 0;
}

template <int Bytes>
void performRead(Wave& wave, const Instruction& instruction, const Access& access) {
  if constexpr (Bytes == 4) {
    if (contiguousRow(access.ldsOffset)) {
      return copyLanes(registers(wave, instruction.destination)[0], wave.lds + access.ldsOffset[0],
                       access.lanes);
    }
  }
  load<Bytes>(wave, instruction, access.lanes, [&](int lane) { return wave.lds + access.ldsOffset[lane]; });
}

template <int Bytes>
void performWrite(Wave& wave, const Instruction& instruction, const Access& access) {
  store<Bytes>(instruction, access.lanes, access.data,
               [&](int lane) { return wave.lds + access.ldsOffset[lane]; });
}

template <int Bytes>
void performRead2(Wave& wave, const Instruction& instruction, const Access& access) {
  alignas(64) uint32_t value[Bytes / 2][kLanes];
  const auto first = static_cast<uint32_t>(instruction.offset),
             second = static_cast<uint32_t>(instruction.offset1);
  const bool whole = access.lanes == ~uint64_t{0};
  uint32_t(*to)[kLanes] = whole ? registers(wave, instruction.destination) : value;
  gather<Bytes>([&](int lane) { return wave.lds + (access.ldsOffset[lane] + first); }, to);
  gather<Bytes>([&](int lane) { return wave.lds + (access.ldsOffset[lane] + second); }, to + Bytes / 4);
  if (!whole) deliverLoad(wave, instruction, access.lanes, value);
}

template <int Bytes>
void performWrite2(Wave& wave, const Instruction& instruction, const Access& access) {
  const auto first = static_cast<uint32_t>(instruction.offset),
             second = static_cast<uint32_t>(instruction.offset1);
  store<Bytes>(instruction, access.lanes, access.data,
               [&](int lane) { return wave.lds + (access.ldsOffset[lane] + first); });
  store<Bytes>(instruction, access.lanes, access.data1,
               [&](int lane) { return wave.lds + (access.ldsOffset[lane] + second); });
}

template <class T>
void performLdsAtomic(Wave& wave, const Instruction& instruction, const Access& access) {
  const auto kind = instruction.memory.atomic;
  // ds_cmpst has the compare value in its first data register, unlike FLAT and MUBUF.
  const bool compares = kind == Atomic::compareSwap || kind == Atomic::floatCompareSwap;
  const auto data = compares ? access.data1 : access.data;
  const auto second = compares ? access.data : instruction.operands1 ? access.data1 : nullptr;
  const ScopedMxcsr floatMode(mxcsrOfLdsAtomics(wave.mode, sizeof(T)));
  updateLanes<T>(wave, instruction, access.lanes, data, second, [&](int lane, T value, T other) {
    return privateUpdate<T>(kind, wave.lds + access.ldsOffset[lane], value, other);
  });
}

template <class T>
void performExchange2(Wave& wave, const Instruction& instruction, const Access& access) {
  constexpr int kWords = sizeof(T) / 4;
  alignas(64) uint32_t old[2 * kWords][kLanes];
  forEachLane(access.lanes, [&](int lane) {
    for (const int which : {0, 1}) {
      const auto data = which ? access.data1 : access.data;
      const auto offset = static_cast<uint32_t>(which ? instruction.offset1 : instruction.offset);
      const T value = privateUpdate<T>(Atomic::swap, wave.lds + (access.ldsOffset[lane] + offset),
                                       dataOf<T>(data, lane), T{0});
      for (int word = 0; word < kWords; word++) {
        old[which * kWords + word][lane] = static_cast<uint32_t>(static_cast<uint64_t>(value) >> 32 * word);
      }
    }
  });
  deliverLoad(wave, instruction, access.lanes, old);
}

void setData(Wave& wave, const Instruction& instruction, Access& access) {
  access.data = registers(wave, instruction.source[1].code);
  access.data1 = registers(wave, instruction.source[2].code);
}

}  // namespace

template <int Bytes>
void ldsRead(Wave& wave, const Instruction& instruction) {
  Access access;
  if (prepare(wave, instruction, Bytes, access))
    issue<performRead<Bytes>>(wave, instruction, access, kLgkmCount);
}

template <int Bytes>
void ldsRead2(Wave& wave, const Instruction& instruction) {
  Access access;
  if (prepare2(wave, instruction, Bytes, access))
    issue<performRead2<Bytes>>(wave, instruction, access, kLgkmCount);
}

template <int Bytes>
void ldsWrite(Wave& wave, const Instruction& instruction) {
  Access access;
  if (!prepare(wave, instruction, Bytes, access)) return;
  setData(wave, instruction, access);
  issue<performWrite<Bytes>>(wave, instruction, access, kLgkmCount);
}

template <int Bytes>
void ldsWrite2(Wave& wave, const Instruction& instruction) {
  Access access;
  if (!prepare2(wave, instruction, Bytes, access)) return;
  setData(wave, instruction, access);
  issue<performWrite2<Bytes>>(wave, instruction, access, kLgkmCount);
}

template <class T>
void ldsAtomic(Wave& wave, const Instruction& instruction) {
  Access access;
  if (!prepare(wave, instruction, sizeof(T), access)) return;
  setData(wave, instruction, access);
  issue<performLdsAtomic<T>>(wave, instruction, access, kLgkmCount);
}

template <class T>
void ldsExchange2(Wave& wave, const Instruction& instruction) {
  Access access;
  if (!prepare2(wave, instruction, sizeof(T), access)) return;
  setData(wave, instruction, access);
  issue<performExchange2<T>>(wave, instruction, access, kLgkmCount);
}

FOR_EACH_SIZE(ldsRead);
template void ldsRead2<4>(Wave&, const Instruction&);
template void ldsRead2<8>(Wave&, const Instruction&);
FOR_EACH_SIZE(ldsWrite);
template void ldsWrite2<4>(Wave&, const Instruction&);
template void ldsWrite2<8>(Wave&, const Instruction&);
FOR_EACH_ATOMIC_TYPE(ldsAtomic);
FOR_EACH_ATOMIC_TYPE(ldsExchange2);

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
