#include "memory/address_space.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <iterator>

namespace emulator {
namespace {

constexpr uint64_t kPage = 4096;
/// Behind every allocation: longer than any overrun of one instruction, and it keeps neighbours apart.
constexpr uint64_t kGuardBytes = 64 * 1024;
/// Freed ranges that stay unmapped-looking (no pages, no address reused) before their address space is given
/// back.
constexpr size_t kQuarantined = 64;

const char* nameOf(MemoryKind kind) {
  switch (kind) {
    case MemoryKind::device:
      return "device allocation";
    case MemoryKind::pinnedHost:
      return "pinned host allocation";
    case MemoryKind::code:
      return "code object";
  }
  return "allocation";
}

uint64_t reservedBytes(uint64_t bytes) { return (bytes + kPage - 1) / kPage * kPage + kGuardBytes; }

}  // namespace

const Allocation* AddressMap::find(uint64_t address, uint64_t bytes) const {
  auto after = std::upper_bound(sorted_.begin(), sorted_.end(), address,
                                [](uint64_t value, const Allocation& row) { return value < row.base; });
  if (after == sorted_.begin()) return nullptr;
  const Allocation& row = *(after - 1);
  const uint64_t offset = address - row.base;
  return offset <= row.bytes && bytes <= row.bytes - offset ? &row : nullptr;
}

std::string AddressMap::describe(uint64_t address) const {
  if (sorted_.empty()) return "there are no allocations";
  const Allocation* nearest = nullptr;
  uint64_t distance = ~uint64_t{0};
  for (const Allocation& row : sorted_) {
    const uint64_t end = row.base + row.bytes;
    const uint64_t gap = address < row.base ? row.base - address : address >= end ? address - end : 0;
    if (gap >= distance) continue;
    distance = gap;
    nearest = &row;
  }
  char text[160];
  const char* relation = address < nearest->base                     ? "bytes before the start of"
                         : address >= nearest->base + nearest->bytes ? "bytes past the end of"
                                                                     : "bytes into";
  const uint64_t shown = address >= nearest->base && address < nearest->base + nearest->bytes
                             ? address - nearest->base
                             : distance;
  std::snprintf(text, sizeof text, "%llu %s the %llu-byte %s at 0x%llx",
                static_cast<unsigned long long>(shown), relation,
                static_cast<unsigned long long>(nearest->bytes), nameOf(nearest->kind),
                static_cast<unsigned long long>(nearest->base));
  return text;
}

AddressSpace& AddressSpace::instance() {
  static AddressSpace* space =
      new AddressSpace;  // never destroyed: kernels may still run when the process exits
  return *space;
}

uint64_t AddressSpace::allocate(uint64_t bytes, MemoryKind kind, int device) {
  if (bytes > uint64_t{1} << 46) return 0;
  void* memory = mmap(nullptr, reservedBytes(bytes), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return 0;
  const auto base = reinterpret_cast<uint64_t>(memory);
  const std::lock_guard<std::mutex> lock(mutex_);
  live_[base] = {base, bytes, kind, device};
  map_.reset();
  return base;
}

bool AddressSpace::release(uint64_t base, int device) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto row = live_.find(base);
  if (row == live_.end() || row->second.device != device) return false;
  free(row);
  return true;
}

void AddressSpace::releaseAll(int device) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (auto row = live_.begin(); row != live_.end();) {
    const auto next = std::next(row);
    if (row->second.device == device) free(row);
    row = next;
  }
}

void AddressSpace::free(std::map<uint64_t, Allocation>::iterator row) {
  const Range range{row->first, reservedBytes(row->second.bytes)};
  live_.erase(row);
  map_.reset();
  // The pages go back at once, the addresses later.
  madvise(reinterpret_cast<void*>(range.base), range.bytes, MADV_DONTNEED);
  quarantine_.push_back(range);
  if (quarantine_.size() > kQuarantined) {
    munmap(reinterpret_cast<void*>(quarantine_.front().base), quarantine_.front().bytes);
    quarantine_.pop_front();
  }
}

Allocation AddressSpace::at(uint64_t base) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto row = live_.find(base);
  return row == live_.end() ? Allocation{} : row->second;
}

std::shared_ptr<const AddressMap> AddressSpace::map() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!map_) {
    auto map = std::make_shared<AddressMap>();
    map->sorted_.reserve(live_.size());
    for (const auto& [base, allocation] : live_) map->sorted_.push_back(allocation);
    map_ = std::move(map);
  }
  return map_;
}

}  // namespace emulator
