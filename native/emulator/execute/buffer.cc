#include "execute/memory.h"
#include "execute/private_memory.h"
#include "execute/vector_access.h"

// MUBUF: addresses are base + soffset + offset + index * stride of a 128-bit descriptor. What lies outside
// its range reads 0 and is not written: dword by dword for raw buffers, by index for structured ones. soffset
// takes no part in that check. An access within the range must still hit a live allocation.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

struct Descriptor {
  uint64_t base;
  uint32_t stride, records, indexStride;
  bool swizzled, perLane;

  Descriptor(const Wave& wave, uint32_t first) {
    const uint32_t* words = wave.scalar + first;
    base = (words[0] | uint64_t{words[1]} << 32) & 0xffffffffffff;
    stride = words[1] >> 16 & 0x3fff;
    records = words[2];
    swizzled = words[1] >> 31;
    indexStride = 8u << (words[3] >> 21 & 3);
    perLane = words[3] >> 23 & 1;
  }
};

enum class Reach { nothing, whole, clipped, privateMemory };

/// add_tid_enable: the compilers' scratch on gfx90a, swizzled like all private memory.
Reach preparePrivate(Wave& wave, const Instruction& instruction, const Descriptor& descriptor, uint32_t bytes,
                     Access& access) {
  if (descriptor.indexStride != kLanes || instruction.indexEnable) {
    raiseFault(wave, FaultKind::illegalInstruction, 0, descriptor.base, bytes,
               "swizzled buffer that is not private memory");
    return Reach::nothing;
  }
  const uint32_t(*offset)[kLanes] =
      instruction.offsetEnable ? registers(wave, instruction.source[0].code) : nullptr;
  for (int lane = 0; lane < kLanes; lane++) {
    access.ldsOffset[lane] = static_cast<uint32_t>(instruction.offset) + (offset ? offset[0][lane] : 0);
  }
  fillInactive(access.ldsOffset, access.lanes);
  const uint64_t origin = descriptor.base + wave.scalar[instruction.source[2].code];
  access.origin = hostPointer(origin);
  const auto scratch = reinterpret_cast<uint64_t>(wave.scratch);
  uint64_t base = scratch, size = uint64_t{wave.scratchBytes} * kLanes;
  if (origin - base >= size) {
    const Allocation* allocation = findAllocation(wave, origin, 1);
    if (!allocation) {
      raiseFault(wave, FaultKind::illegalAddress, firstLane(access.lanes), origin, bytes, "private memory");
      return Reach::nothing;
    }
    base = allocation->base;
    size = allocation->bytes;
  }
  return checkPrivate(wave, access, (base + size - origin) / kLanes, bytes) ? Reach::privateMemory
                                                                            : Reach::nothing;
}

/// Sorts lanes that do not lie wholly within the buffer's range into outside and partial: by `index` where
/// the buffer is structured (else null), by how far their addresses lie behind `start`.
void clip(const Descriptor& descriptor, uint64_t start, const uint32_t* index, uint32_t bytes,
          Access& access) {
  const uint32_t step = bytes < 4 ? bytes : 4;
  forEachLane(access.lanes, [&](int lane) {
    const uint64_t position = access.address[lane] - start;
    uint8_t valid = 0;
    uint32_t dwords = 0;
    for (uint32_t at = 0; at < bytes; at += step, dwords++) {
      const bool inRange =
          index ? index[lane] < descriptor.records : position + at + step <= descriptor.records;
      valid = static_cast<uint8_t>(valid | inRange << dwords);
    }
    if (valid == (1 << dwords) - 1) return;
    (valid ? access.partial : access.outside) |= uint64_t{1} << lane;
    access.validDwords[lane] = valid;
  });
}

/// Every dword in range must lie in a live allocation.
bool checkClipped(Wave& wave, Access& access, uint32_t bytes) {
  const uint64_t whole = access.lanes & ~access.outside & ~access.partial;
  for (uint64_t lanes = access.lanes & ~access.outside; lanes; lanes &= lanes - 1) {
    const int lane = firstLane(lanes);
    const bool all = whole >> lane & 1;
    const uint32_t step = all ? bytes : 4;
    for (uint32_t at = 0; at < bytes; at += step) {
      if (!all && !(access.validDwords[lane] >> at / 4 & 1)) continue;
      if (!checkAddress(wave, lane, access.address[lane] + at, step, "in range of its buffer")) return false;
    }
  }
  return true;
}

Reach prepare(Wave& wave, const Instruction& instruction, uint32_t bytes, Access& access) {
  if (!beginAccess(wave, instruction, kVmCount, access)) return Reach::nothing;
  const Descriptor descriptor(wave, instruction.memory.descriptor);
  if (descriptor.perLane) return preparePrivate(wave, instruction, descriptor, bytes, access);
  if (descriptor.swizzled && instruction.indexEnable) {
    raiseFault(wave, FaultKind::illegalInstruction, 0, descriptor.base, bytes, "swizzled buffer");
    return Reach::nothing;
  }
  const uint32_t(*vector)[kLanes] = registers(wave, instruction.source[0].code);
  const uint32_t* index = instruction.indexEnable ? *vector++ : nullptr;
  const uint32_t* offset = instruction.offsetEnable ? *vector : nullptr;
  // soffset lies outside the range check.
  const uint64_t start = descriptor.base + wave.scalar[instruction.source[2].code];
  const uint64_t first = start + static_cast<uint64_t>(instruction.offset);
  if (offset) {
    for (int lane = 0; lane < kLanes; lane++) access.address[lane] = first + offset[lane];
  } else {
    for (int lane = 0; lane < kLanes; lane++) access.address[lane] = first;
  }
  const bool structured = index && descriptor.stride;
  if (structured) {
    for (int lane = 0; lane < kLanes; lane++)
      access.address[lane] += uint64_t{descriptor.stride} * index[lane];
  }
  fillInactive(access.address, access.lanes);
  if (!structured && allWithin(access.address, bytes, start, descriptor.records)) {
    return checkAddresses(wave, access, access.lanes, bytes) ? Reach::whole : Reach::nothing;
  }
  clip(descriptor, start, structured ? index : nullptr, bytes, access);
  if (!(access.outside | access.partial)) {
    return checkAddresses(wave, access, access.lanes, bytes) ? Reach::whole : Reach::nothing;
  }
  return checkClipped(wave, access, bytes) ? Reach::clipped : Reach::nothing;
}

/// Loads of which some lanes or dwords lie out of range and read 0.
template <int Bytes>
void performClippedLoad(Wave& wave, const Instruction& instruction, const Access& access) {
  alignas(64) uint32_t value[(Bytes + 3) / 4][kLanes] = {};
  forEachLane(access.lanes & ~access.outside, [&](int lane) {
    const uint8_t* from = hostPointer(access.address[lane]);
    if constexpr (Bytes < 4) {
      loadLane<Bytes>(from, instruction.signedData, &value[0][lane]);
    } else {
      const unsigned valid = access.partial >> lane & 1 ? access.validDwords[lane] : 15;
      for (int i = 0; i < Bytes / 4; i++) {
        if (valid >> i & 1) value[i][lane] = loadAs<uint32_t>(from + 4 * i);
      }
    }
  });
  deliverLoad(wave, instruction, access.lanes, value);
}

template <int Bytes>
void performClippedStore(Wave&, const Instruction& instruction, const Access& access) {
  forEachLane(access.lanes & ~access.outside, [&](int lane) {
    uint8_t* to = hostPointer(access.address[lane]);
    if (!(access.partial >> lane & 1)) return storeLane<Bytes>(to, access.data, lane, instruction.half);
    for (int i = 0; i < Bytes / 4; i++) {
      if (access.validDwords[lane] >> i & 1) std::memcpy(to + 4 * i, &access.data[i][lane], 4);
    }
  });
}

}  // namespace

template <int Bytes>
void bufferLoad(Wave& wave, const Instruction& instruction) {
  Access access;
  const Reach reach = prepare(wave, instruction, Bytes, access);
  if (reach == Reach::whole) issue<performLoad<Bytes>>(wave, instruction, access, kVmCount);
  if (reach == Reach::clipped) issue<performClippedLoad<Bytes>>(wave, instruction, access, kVmCount);
  if (reach == Reach::privateMemory) issue<performPrivateLoad<Bytes>>(wave, instruction, access, kVmCount);
}

template <int Bytes>
void bufferStore(Wave& wave, const Instruction& instruction) {
  Access access;
  const Reach reach = prepare(wave, instruction, Bytes, access);
  access.data = registers(wave, instruction.source[1].code);
  if (reach == Reach::whole) issue<performStore<Bytes>>(wave, instruction, access, kVmCount);
  if (reach == Reach::clipped) issue<performClippedStore<Bytes>>(wave, instruction, access, kVmCount);
  if (reach == Reach::privateMemory) issue<performPrivateStore<Bytes>>(wave, instruction, access, kVmCount);
}

template <int Bytes>
void bufferLoadLds(Wave& wave, const Instruction& instruction) {
  Access access;
  const Reach reach = prepare(wave, instruction, Bytes, access);
  if (reach == Reach::nothing) return;
  if (reach == Reach::privateMemory) {
    return raiseFault(wave, FaultKind::illegalInstruction, 0, 0, Bytes, "private memory into LDS");
  }
  if (!prepareLoadLds<Bytes>(wave, instruction, access, access.lanes)) return;
  issue<performLoadLds<Bytes>>(wave, instruction, access, kVmCount);
}

template <class T>
void bufferAtomic(Wave& wave, const Instruction& instruction) {
  Access access;
  const Reach reach = prepare(wave, instruction, sizeof(T), access);
  if (reach == Reach::nothing) return;
  if (reach == Reach::privateMemory) {
    return raiseFault(wave, FaultKind::illegalInstruction, 0, 0, sizeof(T), "atomic in private memory");
  }
  access.outside |= access.partial;  // all or nothing
  access.partial = 0;
  if (!checkAlignment(wave, access, access.lanes & ~access.outside, sizeof(T))) return;
  access.data = registers(wave, instruction.source[1].code);
  issue<performAtomic<T>>(wave, instruction, access, kVmCount);
}

FOR_EACH_SIZE(bufferLoad);
FOR_EACH_SIZE(bufferStore);
FOR_EACH_LDS_SIZE(bufferLoadLds);
FOR_EACH_ATOMIC_TYPE(bufferAtomic);

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
