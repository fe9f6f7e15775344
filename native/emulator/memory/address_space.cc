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
/// How many freed ranges keep their addresses (without pages), so that nothing new can lie there.
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

/// How far `address` lies from an allocation; 0 within it.
uint64_t distance(const Allocation& row, uint64_t address) {
  const uint64_t end = row.base + row.bytes;
  return address < row.base ? row.base - address : address >= end ? address - end : 0;
}

}  // namespace

/// Reserved addresses, given back with the last owner.
class Mapping {
 public:
  explicit Mapping(uint64_t bytes)
      : bytes_(bytes),
        memory_(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                     0)) {}
  ~Mapping() {
    if (valid()) munmap(memory_, bytes_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  bool valid() const { return memory_ != MAP_FAILED; }
  uint64_t base() const { return reinterpret_cast<uint64_t>(memory_); }
  void dropPages() const { madvise(memory_, bytes_, MADV_DONTNEED); }

 private:
  uint64_t bytes_;
  void* memory_;
};

const Allocation* AddressMap::find(uint64_t address, uint64_t bytes) const {
  auto after = std::upper_bound(sorted_.begin(), sorted_.end(), address,
                                [](uint64_t value, const Allocation& row) { return value < row.base; });
  if (after == sorted_.begin()) return nullptr;
  const Allocation& row = *(after - 1);
  const uint64_t offset = address - row.base;
  return offset <= row.bytes && bytes <= row.bytes - offset ? &row : nullptr;
}

std::string AddressMap::describe(uint64_t address) const {
  const Allocation* nearest = nullptr;
  bool freed = false;
  for (const auto* rows : {&sorted_, &freed_}) {
    for (const Allocation& row : *rows) {
      if (nearest && distance(row, address) >= distance(*nearest, address)) continue;
      nearest = &row;
      freed = rows == &freed_;
    }
  }
  if (!nearest) return "there are no allocations";
  const uint64_t end = nearest->base + nearest->bytes;
  const bool inside = address >= nearest->base && address < end;
  const char* relation = inside                    ? "bytes into"
                         : address < nearest->base ? "bytes before the start of"
                                                   : "bytes past the end of";
  char text[200];
  std::snprintf(
      text, sizeof text, "%llu %s the %llu-byte %s at 0x%llx%s",
      static_cast<unsigned long long>(inside ? address - nearest->base : distance(*nearest, address)),
      relation, static_cast<unsigned long long>(nearest->bytes), nameOf(nearest->kind),
      static_cast<unsigned long long>(nearest->base), freed ? ", which has been freed" : "");
  return text;
}

AddressSpace& AddressSpace::instance() {
  static AddressSpace* space =
      new AddressSpace;  // never destroyed: kernels may still run when the process exits
  return *space;
}

uint64_t AddressSpace::allocate(uint64_t bytes, MemoryKind kind, int device, bool account) {
  if (bytes > uint64_t{1} << 46) return 0;
  auto mapping = std::make_shared<Mapping>(reservedBytes(bytes));
  if (!mapping->valid()) return 0;
  auto written = account ? std::make_shared<Mapping>(reservedBytes(bytes)) : nullptr;
  if (written && !written->valid()) return 0;
  auto* flags = written ? reinterpret_cast<uint8_t*>(written->base()) : nullptr;
  const uint64_t base = mapping->base();
  const std::lock_guard<std::mutex> lock(mutex_);
  live_[base] = {{base, bytes, kind, device, flags}, std::move(mapping), std::move(written)};
  map_.reset();
  return base;
}

bool AddressSpace::release(uint64_t base, int device) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto row = live_.find(base);
  if (row == live_.end() || row->second.allocation.device != device) return false;
  free(row);
  return true;
}

void AddressSpace::releaseAll(int device) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (auto row = live_.begin(); row != live_.end();) {
    const auto next = std::next(row);
    if (row->second.allocation.device == device) free(row);
    row = next;
  }
}

void AddressSpace::free(std::map<uint64_t, Block>::iterator row) {
  row->second.mapping->dropPages();
  row->second.account.reset();
  quarantine_.push_back(std::move(row->second));
  if (quarantine_.size() > kQuarantined) quarantine_.pop_front();
  live_.erase(row);
  map_.reset();
}

Allocation AddressSpace::at(uint64_t base) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto row = live_.find(base);
  return row == live_.end() ? Allocation{} : row->second.allocation;
}

std::shared_ptr<const AddressMap> AddressSpace::map() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!map_) {
    auto map = std::make_shared<AddressMap>();
    map->sorted_.reserve(live_.size());
    map->mappings_.reserve(live_.size());
    for (const auto& [base, block] : live_) {
      map->sorted_.push_back(block.allocation);
      map->mappings_.push_back(block.mapping);
      if (block.account) map->mappings_.push_back(block.account);
    }
    for (const Block& block : quarantine_) map->freed_.push_back(block.allocation);
    map_ = std::move(map);
  }
  return map_;
}

}  // namespace emulator
