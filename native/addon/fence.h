#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "../hip/functions.h"

namespace addon {

/// A HIP event that lives as long as somebody needs it; who makes it gives the way to end it.
using Event = std::shared_ptr<ihipEvent_t>;

/// A capture. The streams that take part share it: its origin, and those that waited for an event of it.
struct Capture {
  const struct Stream* origin;
  uint32_t number;  ///< counts the process's captures from 1
  bool ended = false;
};

/// A queue of a device. `enqueued` counts what JavaScript enqueued; `ended` how much of that is known to have
/// ended.
struct Stream {
  hipStream_t handle = nullptr;
  bool external = false;             ///< another library's, which may enqueue on it too
  std::shared_ptr<Capture> capture;  ///< the latest that the stream took part in
  uint64_t enqueued = 0;
  std::atomic<uint64_t> ended{0};
  std::shared_ptr<class Fence> last;  ///< set when the stream is disposed of: the end of its work

  bool capturing() const { return capture != nullptr && !capture->ended; }
  bool idle() const { return !external && ended.load(std::memory_order_relaxed) == enqueued; }
};

/// Points in the order of some streams, reached together.
class Fence {
 public:
  void add(Event event, std::shared_ptr<Stream> stream);
  void add(Event event);
  void add(std::shared_ptr<Fence> earlier);
  /// A fence of another device, whose failures are not this one's.
  void addForeign(std::shared_ptr<Fence> other);

  /// What waiting for the work here and now has come to, where no event could be recorded.
  void fail(hipError_t state) { error_ = state; }

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
  std::vector<std::shared_ptr<Fence>> earlier_, foreign_;
  hipError_t error_ = 0;
  std::atomic<bool> ended_{false};
};

}  // namespace addon
