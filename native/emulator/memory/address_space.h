#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace emulator {

enum class MemoryKind : uint8_t { device, pinnedHost, code };

/// One live allocation. Emulated device addresses are host addresses; every access is checked in software
/// against these.
struct Allocation {
  uint64_t base;
  uint64_t bytes;
  MemoryKind kind;
  int device;
};

/// An immutable, sorted picture of all live allocations: taken by a launch when it starts, so that lookups
/// need no lock.
class AddressMap {
 public:
  /// The allocation that holds [address, address + bytes) entirely, or null.
  const Allocation* find(uint64_t address, uint64_t bytes) const;
  /// "24 bytes past the end of the 4096-byte device allocation at 0x...": for reports.
  std::string describe(uint64_t address) const;

 private:
  friend class AddressSpace;
  std::vector<Allocation> sorted_;
};

/// All memory that emulated devices can reach. Pages are reserved with a guard gap behind them and committed
/// when they are first touched, so that caches of many GiB cost only what is used; freed ranges are
/// quarantined for a while, so that a late access finds nothing there rather than somebody else's data.
class AddressSpace {
 public:
  static AddressSpace& instance();
  uint64_t allocate(uint64_t bytes, MemoryKind kind, int device);  ///< 0 where the host has no room
  /// Frees what lives at `base`; false where that is nothing of `device`.
  bool release(uint64_t base, int device);
  /// Frees all that belongs to a device.
  void releaseAll(int device);
  /// The live allocation at exactly `base`, or one of no bytes.
  Allocation at(uint64_t base) const;
  std::shared_ptr<const AddressMap> map() const;

 private:
  void free(std::map<uint64_t, Allocation>::iterator row);

  struct Range {
    uint64_t base, bytes;
  };
  mutable std::mutex mutex_;
  std::map<uint64_t, Allocation> live_;
  std::deque<Range> quarantine_;
  mutable std::shared_ptr<const AddressMap> map_;  ///< of live_, null when that has changed since
};

}  // namespace emulator
