#include <cstring>
#include <string>
#include <vector>

#include "launch/options.h"
#include "memory/address_space.h"
#include "runtime/entry.h"

namespace emulator {
namespace {

enum CopyKind : int { hostToHost, hostToDevice, deviceToHost, deviceToDevice, byAddress };

constexpr int kAnyDevice = -1;

/// Whether `bytes` from `pointer` lie in one allocation of a kind, and of a device.
bool lieIn(MemoryKind kind, const void* pointer, size_t bytes, int device = kAnyDevice) {
  const std::shared_ptr<const AddressMap> map = AddressSpace::instance().map();  // keeps the row
  const Allocation* row = map->find(reinterpret_cast<uint64_t>(pointer), bytes);
  return row && row->kind == kind && (device == kAnyDevice || device == row->device);
}

bool onDevice(const void* pointer, size_t bytes, int device = kAnyDevice) {
  return lieIn(MemoryKind::device, pointer, bytes, device);
}

/// Host memory that stays until the program frees it; all other host memory is its caller's again when a call
/// returns.
bool pinned(const void* pointer, size_t bytes) { return lieIn(MemoryKind::pinnedHost, pointer, bytes); }

bool plausible(int kind, const void* to, const void* from, size_t bytes) {
  switch (kind) {
    case hostToHost:
      return true;
    case hostToDevice:
      return onDevice(to, bytes);
    case deviceToHost:
      return onDevice(from, bytes);
    case deviceToDevice:
      return onDevice(to, bytes) && onDevice(from, bytes);
    case byAddress:
      return true;
  }
  return false;
}

/// Whether a copy may still reach what was allocated when it was enqueued: a graph is launched later, and may
/// find it freed. That is a fault of the device.
bool reachable(Stream& on, const AddressMap& map, const void* pointer, size_t bytes) {
  const auto address = reinterpret_cast<uint64_t>(pointer);
  if (map.find(address, bytes)) return true;
  on.device().fail(
      hipErrorIllegalAddress,
      "copy of " + std::to_string(bytes) + " bytes to or from freed memory (" + map.describe(address) + ")");
  return false;
}

/// Keeps account of what is written, where an allocation has that: a copy is as initialised as its source.
void markWritten(const AddressMap& map, const void* to, const void* from, size_t bytes) {
  const auto flagsOf = [&](const void* pointer) -> uint8_t* {
    const auto address = reinterpret_cast<uint64_t>(pointer);
    const Allocation* row = pointer ? map.find(address, bytes) : nullptr;
    return row && row->written ? row->written + (address - row->base) : nullptr;
  };
  uint8_t* flags = flagsOf(to);
  if (!flags) return;
  const uint8_t* source = flagsOf(from);
  if (source) {
    std::memmove(flags, source, bytes);
  } else {
    std::memset(flags, 1, bytes);
  }
}

/// Enqueues `effect`, which writes `to` and reads `from`: memory that must still be allocated when its turn
/// comes, or null for other memory.
template <class Effect>
void submit(Stream& stream, const void* to, const void* from, size_t bytes, Effect effect) {
  stream.submit([=](Stream& on) {
    if (on.device().status() != hipSuccess) return;
    const auto map = AddressSpace::instance().map();  // keeps the addresses mapped meanwhile
    for (const void* pointer : {to, from}) {
      if (pointer && !reachable(on, *map, pointer, bytes)) return;
    }
    effect();
    markWritten(*map, to, from, bytes);
  });
}

Status copy(void* to, const void* from, size_t bytes, const std::shared_ptr<Stream>& stream) {
  const void* knownTo = onDevice(to, bytes) || pinned(to, bytes) ? to : nullptr;
  const void* knownFrom = onDevice(from, bytes) || pinned(from, bytes) ? from : nullptr;
  if (!knownFrom && !stream->capturing()) {
    const auto* start = static_cast<const uint8_t*>(from);
    const auto staged = std::make_shared<std::vector<uint8_t>>(start, start + bytes);
    submit(*stream, knownTo, nullptr, bytes, [=] { std::memcpy(to, staged->data(), bytes); });
    return hipSuccess;
  }
  submit(*stream, knownTo, knownFrom, bytes, [=] { std::memmove(to, from, bytes); });
  if (!knownTo && !stream->capturing()) stream->synchronize();
  return hipSuccess;
}

Status allocate(void** pointer, size_t bytes, MemoryKind kind) {
  if (!pointer) return hipErrorInvalidValue;
  *pointer = nullptr;
  Status status;
  const auto device = currentDevice(&status);
  if (!device) return status;
  if (bytes == 0) return hipSuccess;
  const bool counted = kind == MemoryKind::device;
  if (counted && !device->reserve(bytes)) return hipErrorOutOfMemory;
  const bool account = counted && currentOptions().reportUninitialised;
  const uint64_t base = AddressSpace::instance().allocate(bytes, kind, device->ordinal, account);
  if (!base) {
    if (counted) device->giveBack(bytes);
    return hipErrorOutOfMemory;
  }
  *pointer = reinterpret_cast<void*>(base);
  return hipSuccess;
}

/// Frees as HIP does: not before all work of the device that could use the memory has ended.
Status release(void* pointer, MemoryKind kind) {
  if (!pointer) return hipSuccess;
  const auto base = reinterpret_cast<uint64_t>(pointer);
  const Allocation row = AddressSpace::instance().at(base);
  if (row.base != base || row.kind != kind) return hipErrorInvalidValue;
  const auto device = Devices::instance().get(row.device);
  if (device) device->synchronize();
  if (!AddressSpace::instance().release(base, row.device)) return hipErrorInvalidValue;
  if (device && kind == MemoryKind::device) device->giveBack(row.bytes);
  return hipSuccess;
}

}  // namespace
}  // namespace emulator

using namespace emulator;

EMULATOR_EXPORT hipError_t hipMemGetInfo(size_t* free, size_t* total) {
  return enter("hipMemGetInfo", [&] {
    Status status;
    const auto device = currentDevice(&status);
    if (!device) return status;
    if (!free || !total) return hipErrorInvalidValue;
    *free = device->freeBytes();
    *total = device->memoryBytes;
    return hipSuccess;
  });
}

EMULATOR_EXPORT hipError_t hipMalloc(void** pointer, size_t bytes) {
  return enter("hipMalloc", [&] { return allocate(pointer, bytes, MemoryKind::device); });
}

EMULATOR_EXPORT hipError_t hipFree(void* pointer) {
  return enter("hipFree", [&] { return release(pointer, MemoryKind::device); });
}

EMULATOR_EXPORT hipError_t hipHostMalloc(void** pointer, size_t bytes, unsigned) {
  return enter("hipHostMalloc", [&] { return allocate(pointer, bytes, MemoryKind::pinnedHost); });
}

EMULATOR_EXPORT hipError_t hipHostFree(void* pointer) {
  return enter("hipHostFree", [&] { return release(pointer, MemoryKind::pinnedHost); });
}

EMULATOR_EXPORT hipError_t hipMemcpyAsync(void* to, const void* from, size_t bytes, int kind,
                                          hipStream_t handle) {
  return enter("hipMemcpyAsync", [&] {
    Status status;
    const auto stream = streamOf(handle, &status);
    if (!stream) return status;
    if (bytes == 0) return hipSuccess;
    if (!to || !from || !plausible(kind, to, from, bytes)) return hipErrorInvalidValue;
    return copy(to, from, bytes, stream);
  });
}

EMULATOR_EXPORT hipError_t hipMemcpyPeerAsync(void* to, int toDevice, const void* from, int fromDevice,
                                              size_t bytes, hipStream_t handle) {
  return enter("hipMemcpyPeerAsync", [&] {
    Status status;
    const auto stream = streamOf(handle, &status);
    if (!stream) return status;
    if (!Devices::instance().get(toDevice) || !Devices::instance().get(fromDevice))
      return hipErrorInvalidDevice;
    if (bytes == 0) return hipSuccess;
    if (!onDevice(to, bytes, toDevice) || !onDevice(from, bytes, fromDevice)) return hipErrorInvalidValue;
    return copy(to, from, bytes, stream);
  });
}

EMULATOR_EXPORT hipError_t hipMemsetAsync(void* to, int value, size_t bytes, hipStream_t handle) {
  return enter("hipMemsetAsync", [&] {
    Status status;
    const auto stream = streamOf(handle, &status);
    if (!stream) return status;
    if (bytes == 0) return hipSuccess;
    if (!onDevice(to, bytes)) return hipErrorInvalidValue;
    submit(*stream, to, nullptr, bytes, [=] { std::memset(to, value, bytes); });
    return hipSuccess;
  });
}

EMULATOR_EXPORT hipError_t rocmEmulatorDestroyDevice(int ordinal) {
  return enter("rocmEmulatorDestroyDevice", [&] {
    const auto device = Devices::instance().remove(ordinal);
    if (!device) return hipErrorInvalidDevice;
    device->cancel();
    AddressSpace::instance().releaseAll(ordinal);
    return hipSuccess;
  });
}
