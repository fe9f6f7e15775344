#include <cstring>

#include "memory/address_space.h"
#include "runtime/entry.h"

namespace emulator {
namespace {

enum MemoryType : int { hostMemory = 1, deviceMemory = 2 };

/// hipPointerAttribute_t.
struct PointerAttributes {
  int type, device;
  const void *devicePointer, *hostPointer;
  int isManaged;
  unsigned allocationFlags;
};

/// hipPointer_attribute.
enum Attribute : int {
  memoryType = 2,
  devicePointer = 3,
  hostPointer = 4,
  isManaged = 8,
  deviceOrdinal = 9,
  rangeStart = 11,
  rangeSize = 12,
  isMapped = 13,
};

/// The allocation that holds an address, or one of no bytes: memory that HIP knows nothing of.
Allocation allocationOf(const void* pointer) {
  const auto map = AddressSpace::instance().map();
  const Allocation* row = map->find(reinterpret_cast<uint64_t>(pointer), 1);
  return row && row->kind != MemoryKind::code ? *row : Allocation{};
}

template <class T>
Status answer(void* data, T value) {
  std::memcpy(data, &value, sizeof value);
  return hipSuccess;
}

Status attributeOf(const Allocation& row, const void* pointer, int attribute, void* data) {
  const bool pinned = row.kind == MemoryKind::pinnedHost;
  switch (attribute) {
    case memoryType:
      return answer(data, pinned ? hostMemory : deviceMemory);
    case devicePointer:
      return answer(data, pointer);
    case hostPointer:
      if (!pinned) return hipErrorInvalidValue;
      return answer(data, pointer);
    case isManaged:
      return answer(data, false);
    case deviceOrdinal:
      return answer(data, row.device);
    case rangeStart:
      return answer(data, row.base);
    case rangeSize:
      return answer(data, row.bytes);
    case isMapped:
      return answer(data, true);
  }
  return hipErrorNotSupported;
}

}  // namespace
}  // namespace emulator

using namespace emulator;

EMULATOR_EXPORT hipError_t hipPointerGetAttributes(void* attributes, const void* pointer) {
  return enter("hipPointerGetAttributes", [&] {
    const Allocation row = allocationOf(pointer);
    if (!attributes || !row.bytes) return hipErrorInvalidValue;
    const bool pinned = row.kind == MemoryKind::pinnedHost;
    return answer(attributes, PointerAttributes{pinned ? hostMemory : deviceMemory, row.device, pointer,
                                                pinned ? pointer : nullptr, 0, 0});
  });
}

EMULATOR_EXPORT hipError_t hipPointerGetAttribute(void* data, int attribute, void* pointer) {
  return enter("hipPointerGetAttribute", [&] {
    const Allocation row = allocationOf(pointer);
    if (!data || !row.bytes) return hipErrorInvalidValue;
    return attributeOf(row, pointer, attribute, data);
  });
}
