#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "../hip/functions.h"

namespace addon {

/// A HIP event that lives as long as somebody needs it; who makes it gives the way to end it.
using Event = std::shared_ptr<ihipEvent_t>;

/// A queue of a device. `enqueued` counts what JavaScript enqueued; `ended` how much of that is known to have
/// ended.
struct Stream {
  hipStream_t handle = nullptr;
  bool external = false;  ///< another library's, which may enqueue on it too
  bool capturing = false;
  uint64_t enqueued = 0;
  std::atomic<uint64_t> ended{0};
  std::shared_ptr<class Fence> last;  ///< set when the stream is disposed of: the end of its work

  bool idle() const { return !external && ended.load(std::memory_order_relaxed) == enqueued; }
};

/// Points in the order of some streams, reached together.
class Fence {
 public:
  void add(Event event, std::shared_ptr<Stream> stream);
  void add(Event event);
  void add(std::shared_ptr<Fence> earlier);

  /// Asks HIP what has happened: hip::success once everything has, hip::errorNotReady before, else the error.
  /// On the polling thread only.
  hipError_t poll(hipError_t (*query)(hipEvent_t));

  bool ended() const { return ended_.load(std::memory_order_acquire); }

 private:
  struct Mark {
    Event event;
    std::shared_ptr<Stream> stream;
    uint64_t enqueued;
  };

  std::vector<Mark> marks_;
  std::vector<std::shared_ptr<Fence>> earlier_;
  hipError_t error_ = 0;
  std::atomic<bool> ended_{false};
};

}  // namespace addon
