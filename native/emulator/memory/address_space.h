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
  /// A byte for each byte of the allocation, not 0 once something has been written there; null where nobody
  /// keeps account.
  uint8_t* written = nullptr;
};

class Mapping;

/// An immutable, sorted picture of all live allocations: taken by a launch when it starts, so that lookups
/// need no lock. The addresses in it stay mapped as long as it lives, whoever frees them meanwhile.
class AddressMap {
 public:
  /// The allocation that holds [address, address + bytes) entirely, or null.
  const Allocation* find(uint64_t address, uint64_t bytes) const;
  /// "24 bytes past the end of the 4096-byte device allocation at 0x...": for reports. Allocations that were
  /// freed lately are told as such.
  std::string describe(uint64_t address) const;

 private:
  friend class AddressSpace;
  std::vector<Allocation> sorted_, freed_;
  std::vector<std::shared_ptr<const Mapping>> mappings_;
};

/// All memory that emulated devices can reach. Pages are reserved with a guard gap behind them and committed
/// when they are first touched, so that caches of many GiB cost only what is used; freed ranges are
/// quarantined for a while, so that a late access is reported instead of finding somebody else's data.
class AddressSpace {
 public:
  static AddressSpace& instance();
  /// Returns 0 where the host has no room. With `account` it is remembered which bytes have been written.
  uint64_t allocate(uint64_t bytes, MemoryKind kind, int device, bool account = false);
  /// Frees what lives at `base`; false where that is nothing of `device`.
  bool release(uint64_t base, int device);
  /// Frees all that belongs to a device.
  void releaseAll(int device);
  /// The live allocation at exactly `base`, or one of no bytes.
  Allocation at(uint64_t base) const;
  std::shared_ptr<const AddressMap> map() const;

 private:
  struct Block {
    Allocation allocation;
    std::shared_ptr<const Mapping> mapping, account;
  };
  void free(std::map<uint64_t, Block>::iterator row);

  mutable std::mutex mutex_;
  std::map<uint64_t, Block> live_;
  std::deque<Block> quarantine_;
  mutable std::shared_ptr<const AddressMap> map_;  ///< of both, null when they have changed since
};

}  // namespace emulator
