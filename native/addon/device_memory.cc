#include <cstdio>

#include "../hip/constants.h"
#include "device.h"

namespace addon {
namespace {

/// "1073741824 bytes (1.00 GiB)"
std::string amount(uint64_t bytes) {
  char text[64];
  std::snprintf(text, sizeof(text), "%llu bytes (%.2f GiB)", static_cast<unsigned long long>(bytes),
                static_cast<double>(bytes) / (1ull << 30));
  return text;
}

}  // namespace

Device::Memory Device::allocate(uint64_t bytes, uint32_t category) {
  enter();
  void* pointer = nullptr;
  hipError_t state = hip().hipMalloc(&pointer, bytes);
  if (state == hip::errorOutOfMemory) {
    waitForFrees();
    state = hip().hipMalloc(&pointer, bytes);
  }
  if (state == hip::errorOutOfMemory) {
    hip().hipGetLastError();
    const MemoryCounters now = memory();
    throw Failure("ERR_OUT_OF_MEMORY",
                  "the device has no room for " + amount(bytes) + ": " + amount(now.free) + " of " +
                      amount(now.total) + " are free, and this device object holds " + amount(now.reserved),
                  hip().hipGetErrorName(state), "hipMalloc");
  }
  check(state, "hipMalloc");
  reserved_ += bytes;
  allocated_ += bytes;
  peak_ = std::max(peak_, allocated_);
  byCategory_[category] += bytes;
  const Resource resource = own([this, pointer, bytes] {
    if (!memoryGone_) hip().hipFree(pointer);
    reserved_ -= bytes;
  });
  return {resource, reinterpret_cast<uint64_t>(pointer), bytes, category};
}

Device::Memory Device::allocateHost(uint64_t bytes) {
  enter();
  void* pointer = nullptr;
  const hipError_t state = hip().hipHostMalloc(&pointer, bytes, 0);
  if (state == hip::errorOutOfMemory) {
    hip().hipGetLastError();
    throw Failure("ERR_OUT_OF_MEMORY", "the host has no room for " + amount(bytes) + " of pinned memory",
                  hip().hipGetErrorName(state), "hipHostMalloc");
  }
  check(state, "hipHostMalloc");
  host_ += bytes;
  const Resource resource = own([this, pointer, bytes] {
    if (!memoryGone_) hip().hipHostFree(pointer);
    host_ -= bytes;
  });
  return {resource, reinterpret_cast<uint64_t>(pointer), bytes, std::nullopt};
}

void Device::release(const Memory& memory) {
  if (closed_) return;
  if (memory.category) {
    allocated_ -= memory.bytes;
    byCategory_[*memory.category] -= memory.bytes;
  }
  freeLater(memory.resource);
}

Device::Resource Device::own(std::function<void()> free) {
  std::lock_guard<std::mutex> lock(mutex_);
  owned_.emplace(nextResource_, std::move(free));
  return nextResource_++;
}

void Device::freeNow(Resource resource) {
  std::function<void()> free;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = owned_.find(resource);
    if (found == owned_.end()) return;
    free = std::move(found->second);
    owned_.erase(found);
  }
  hip().hipSetDevice(ordinal_);
  free();
}

void Device::freeLater(Resource resource) {
  if (closed_) return;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    pendingFrees_++;
  }
  afterWork(
      [this, resource] {
        freeNow(resource);
        std::lock_guard<std::mutex> lock(mutex_);
        pendingFrees_--;
        freed_.notify_all();
      },
      nullptr);
}

/// What was disposed of counts as room: an allocation waits for it before it gives up.
void Device::waitForFrees() {
  if (capturing()) return;
  std::unique_lock<std::mutex> lock(mutex_);
  freed_.wait(lock, [this] { return pendingFrees_ == 0; });
}

void Device::enablePeer(const Device& other) {
  if (ordinal_ == other.ordinal_) return;
  enter();
  int can = 0;
  check(hip().hipDeviceCanAccessPeer(&can, ordinal_, other.ordinal_), "hipDeviceCanAccessPeer");
  if (can == 0) return;  // the copy then goes through the host
  const hipError_t state = hip().hipDeviceEnablePeerAccess(other.ordinal_, 0);
  if (state == hip::errorPeerAccessAlreadyEnabled) {
    hip().hipGetLastError();
  } else {
    check(state, "hipDeviceEnablePeerAccess");
  }
}

Device::MemoryCounters Device::memory() {
  size_t free = 0, total = 0;
  hip().hipSetDevice(ordinal_);
  check(hip().hipMemGetInfo(&free, &total), "hipMemGetInfo");
  return {free, total, reserved_, allocated_, peak_, staging_->held(), host_, byCategory_};
}

}  // namespace addon
