#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "isa/target.h"
#include "runtime/status.h"

namespace emulator {

class Stream;

/// One emulated GPU.
class Device {
 public:
  Device(int ordinal, Target target, int computeUnits, uint64_t memoryBytes);

  const int ordinal;
  const Target target;
  const int computeUnits;
  const int xcds;    ///< chiplets that workgroups go to in turn
  const int chipId;  ///< of the PCI device
  const uint64_t memoryBytes;

  /// Takes `bytes` of the device's memory. False where they are not there.
  bool reserve(uint64_t bytes);
  void giveBack(uint64_t bytes);
  uint64_t freeBytes() const;

  /// After a fault every call on the device answers with it, as on a real GPU.
  void fail(Status status, const std::string& report);
  Status status() const { return static_cast<Status>(status_.load()); }
  /// The report of the fault, "" without one. It stays valid as long as the process.
  const char* report() const;

  /// Keeps what was counted of a launch (a JSON object) until somebody takes it; the oldest go when there are
  /// too many.
  void keepCounters(std::string counters);
  /// A JSON array of what has been kept, oldest first.
  std::string takeCounters();

  void add(const std::shared_ptr<Stream>& stream);
  /// The stream that a null handle means.
  std::shared_ptr<Stream> nullStream();
  /// Waits until no stream has work left.
  void synchronize();
  /// Ends what runs, soon and without regard to results. The device takes no more work.
  void cancel();
  const std::atomic<bool>& cancelled() const { return cancelled_; }

 private:
  std::vector<std::shared_ptr<Stream>> liveStreams();

  std::atomic<int> status_{hipSuccess};
  std::atomic<bool> cancelled_{false};
  mutable std::mutex mutex_;
  uint64_t reserved_ = 0;
  std::string report_;
  std::deque<std::string> counters_;
  std::vector<std::weak_ptr<Stream>> streams_;
  std::shared_ptr<Stream> nullStream_;
};

/// All devices of the process, by ordinal. Ordinals are not used again.
class Devices {
 public:
  static Devices& instance();
  std::shared_ptr<Device> create(Target target, int computeUnits, uint64_t memoryBytes);
  /// Null where there is no such device or it has been destroyed.
  std::shared_ptr<Device> get(int ordinal) const;
  std::shared_ptr<Device> remove(int ordinal);
  int count() const;

 private:
  Devices();
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Device>> devices_;
};

}  // namespace emulator
