#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/device.h"

namespace emulator {

class Stream;

/// One piece of device work. It can be repeated: a graph runs it at every launch.
using Operation = std::function<void(Stream&)>;

/// What a capture has recorded, in the order of the calls: an order that respects every dependency.
struct Graph {
  std::vector<Operation> operations;
};

/// How far a point of a capture lies behind each of its streams: what it depends on, in steps of theirs.
using CaptureClock = std::map<const Stream*, uint64_t>;

/// A capture in progress: its origin and the streams that joined it by waiting for one of its events.
struct Capture {
  std::shared_ptr<Graph> graph = std::make_shared<Graph>();
  Stream* origin;
  std::vector<std::weak_ptr<Stream>> members;
  std::atomic<bool> ended{false};
};

/// One recording of an event.
class Occurrence {
 public:
  void happen();
  bool happened() const;
  /// Waits until it has happened, or until `cancelled` (within 10 ms).
  void wait(const std::atomic<bool>& cancelled) const;
  std::chrono::steady_clock::time_point time() const;

  std::shared_ptr<Capture>
      capture;  ///< recorded while capturing: it has no time, waiting for it joins the capture
  CaptureClock captureClock;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool happened_ = false;
  std::chrono::steady_clock::time_point time_;
};

/// An in-order queue of operations with a host thread of its own, so that a stream that waits stalls no
/// other.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  explicit Stream(std::shared_ptr<Device> device);
  ~Stream();

  Device& device() const { return *device_; }
  /// Enqueues, or records where the stream is capturing.
  void submit(Operation operation);
  bool idle() const;
  void synchronize();
  /// Ends the thread once the queue is empty.
  void close();

  std::shared_ptr<Occurrence> record();
  Status waitFor(const std::shared_ptr<Occurrence>& occurrence);

  Status beginCapture();
  Status endCapture(std::shared_ptr<Graph>* graph);
  bool capturing() const;

  /// The stream's kernarg memory: kKernargBytes at `kernargAddress()`.
  uint64_t kernargAddress();
  static constexpr uint64_t kKernargBytes = 64 * 1024;

 private:
  struct Queue {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::pair<std::shared_ptr<Stream>, Operation>> operations;
    bool busy = false, closed = false, started = false;
  };
  static void run(const std::shared_ptr<Queue>& queue);

  std::shared_ptr<Device> device_;
  std::shared_ptr<Queue> queue_ = std::make_shared<Queue>();
  mutable std::mutex captureMutex_;
  std::shared_ptr<Capture> capture_;
  CaptureClock captureClock_;  ///< of the next operation in the capture
  uint64_t kernarg_ = 0;
};

}  // namespace emulator
