#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "../hip/runtime.h"
#include "completions.h"
#include "failure.h"
#include "fence.h"
#include "staging.h"

namespace addon {

struct DeviceInfo {
  std::string name;
  std::string gcnArchName;
  int computeUnits = 0;
  int xcds = 0;    ///< 0 where the HIP runtime does not say
  int chipId = 0;  ///< of the PCI device; 0 where the HIP runtime does not say
  int waveSize = 0;
  uint64_t totalMemory = 0;
  uint64_t ldsBytes = 0;
};

/// Reads what HIP says of a device.
DeviceInfo readDeviceInfo(const hip::Runtime& runtime, int ordinal);

/// A device as one environment has it open: its streams, what it holds, what is pending on it. Called on the
/// JavaScript thread unless said otherwise; every HIP call follows enter(), which makes the device current.
class Device : public std::enable_shared_from_this<Device> {
 public:
  static constexpr size_t categories = 8;

  /// `created`: an emulated device of this environment's own, which ends with this object.
  Device(const hip::Runtime& runtime, int ordinal, bool created, std::shared_ptr<Completions> completions);

  const hip::Functions& hip() const { return runtime_.functions; }
  const hip::Runtime& runtime() const { return runtime_; }
  int ordinal() const { return ordinal_; }
  bool emulated() const { return runtime_.emulated(); }
  const DeviceInfo& info() const { return info_; }
  bool lost() const { return lost_.load(std::memory_order_relaxed); }
  bool closed() const { return closed_; }

  /// Makes the device current; throws where it is closed or lost.
  void enter() const;
  /// Throws the failure of a HIP call that did not succeed.
  void check(hipError_t state, const char* call) {
    if (state != 0) throw failure(state, call);
  }
  /// The failure of `call`, with the emulator's report where it is a fault; marks the device lost then. Any
  /// thread.
  Failure failure(hipError_t state, const char* call);
  /// A failure that appeared after enqueuing, whatever its number: the device is lost. Any thread.
  Failure fault(hipError_t state, const char* call);

  /// What HIP made for this device, and how to free it. Everything is freed at the latest when the device
  /// closes.
  using Resource = uint64_t;
  Resource own(std::function<void()> free);
  /// Frees at once; nothing where it has been freed. Any thread.
  void freeNow(Resource resource);
  /// Frees after the work that is enqueued now, on another thread.
  void freeLater(Resource resource);

  struct Memory {
    Resource resource;
    uint64_t pointer;
    uint64_t bytes;
    std::optional<uint32_t> category;  ///< none: it is the host's
  };
  Memory allocate(uint64_t bytes, uint32_t category);
  /// Pinned memory of the host, which kernels and copies reach.
  Memory allocateHost(uint64_t bytes);
  void release(const Memory& memory);

  std::shared_ptr<Stream> createStream();
  std::shared_ptr<Stream> adoptStream(hipStream_t handle);
  void disposeStream(const std::shared_ptr<Stream>& stream);

  Event createEvent(unsigned flags);
  /// An event for internal use, which goes back to a pool.
  Event takeEvent();
  void record(const Event& event, const std::shared_ptr<Stream>& stream);
  /// The end of what is enqueued on `stream` now. Never throws: what has been enqueued is under way.
  std::shared_ptr<Fence> fenceOf(const std::shared_ptr<Stream>& stream);

  /// Runs `reclaim` (on another thread) and then `settle` (on the JavaScript thread) when the work that is
  /// enqueued now on any stream has ended. While a stream is captured this waits for the end of the capture.
  void afterWork(std::function<void()> reclaim, std::function<void(napi_env, const Failure*)> settle);
  void add(Pending pending) { completions_->add(std::move(pending)); }
  /// Lets through what a capture held back.
  void captureEnded();

  Staging& staging() { return *staging_; }
  /// A block of staging; throws where the host has no room.
  std::shared_ptr<uint8_t> stage(size_t bytes);

  /// Lets frees of this device wait for what is enqueued now on a stream of `other`.
  void usedBy(const std::shared_ptr<Device>& other, const std::shared_ptr<Stream>& stream);
  /// Lets kernels and copies of this device reach `other`'s memory, where the machine can.
  void enablePeer(const Device& other);

  struct MemoryCounters {
    uint64_t free, total, reserved, allocated, peak, staging, host;
    std::array<uint64_t, categories> byCategory;
  };
  MemoryCounters memory();

  /// Refuses work from now on, waits for the enqueued work, frees everything, then settles.
  void close(std::function<void(napi_env, const Failure*)> settle);
  /// At the environment's end: an emulated device's work is cancelled. With `freeAll` (the process lives on)
  /// a GPU's work is waited for, and everything is freed that is not yet.
  void abandon(bool freeAll);

  /// Polling thread.
  hipError_t poll(Fence& fence) const;

 private:
  std::shared_ptr<Fence> fence();
  /// Lets `fence` wait for what is enqueued on `stream` now. Never throws: freeing must not.
  void mark(Fence& fence, const std::shared_ptr<Stream>& stream);
  bool capturing() const;
  void waitForFrees();
  /// Frees everything, once. Any thread.
  void destroy();
  /// Ends an emulated device, whatever it does, and its memory with it.
  void destroyEmulated();
  /// Frees what HIP made for this device.
  void freeHandles();

  const hip::Runtime& runtime_;
  const int ordinal_;
  const bool created_;
  const std::shared_ptr<Completions> completions_;
  const std::shared_ptr<Staging> staging_;
  DeviceInfo info_;
  std::atomic<bool> lost_{false};
  bool closed_ = false;
  std::atomic<bool> destroyed_{false};
  /// The emulated device is no more, and its memory with it: the addresses may be another device's by now.
  std::atomic<bool> memoryGone_{false};

  std::vector<std::shared_ptr<Stream>> streams_;
  std::shared_ptr<Fence> lastFence_;
  uint64_t lastFenceEnqueued_ = 0;
  std::vector<std::shared_ptr<Fence>> foreign_;  ///< other devices' use of this one's memory
  std::vector<std::function<void()>> afterCapture_;

  uint64_t allocated_ = 0;
  uint64_t peak_ = 0;
  std::array<uint64_t, categories> byCategory_{};
  std::atomic<uint64_t> reserved_{0};
  std::atomic<uint64_t> host_{0};

  std::mutex mutex_;
  std::condition_variable freed_;
  uint64_t pendingFrees_ = 0;
  Resource nextResource_ = 1;
  std::map<Resource, std::function<void()>> owned_;
  std::vector<hipEvent_t> eventPool_;
};

}  // namespace addon
