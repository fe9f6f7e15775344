#pragma once

#include <node_api.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "failure.h"
#include "fence.h"

namespace addon {

class Device;

/// Something that is to happen when a fence is reached.
struct Pending {
  std::shared_ptr<Device> device;
  std::shared_ptr<Fence> fence;
  /// Pinned memory that is in use until then. May be empty.
  std::shared_ptr<uint8_t> staging;
  /// On a thread of its own, since freeing may wait for the whole device. May be empty.
  std::function<void()> reclaim;
  /// On the JavaScript thread, after `reclaim`; the failure is null where all went well. May be empty.
  std::function<void(napi_env, const Failure*)> settle;
};

/// Waits for fences without blocking JavaScript: one thread per environment polls them (a wait inside HIP for
/// one stream would hold up all others), a second one frees. While a settlement is awaited the environment's
/// event loop stays alive.
class Completions {
 public:
  explicit Completions(napi_env env);
  ~Completions();

  /// JavaScript thread.
  void add(Pending pending);

  /// Runs what may wait for a device on the thread that frees. Any thread.
  void later(std::function<void()> reclaim);

  /// JavaScript thread: ends the polling; nothing settles any more.
  void stopPolling();
  /// JavaScript thread: drops what is still to be reclaimed and ends.
  void stop();

 private:
  struct Settlement {
    std::function<void(napi_env, const Failure*)> settle;
    std::optional<Failure> failure;
  };

  void startThreads();
  void poll();
  void reclaim();
  void finish(Pending pending, hipError_t state);
  void pass(Settlement settlement);
  void settle(napi_env env);

  napi_env env_;
  napi_threadsafe_function wake_ = nullptr;
  int awaited_ = 0;  ///< JavaScript thread only

  std::mutex mutex_;
  bool stopping_ = false;
  std::condition_variable added_;
  std::vector<Pending> incoming_;
  std::deque<std::pair<Pending, std::optional<Failure>>> reclaims_;
  std::condition_variable reclaimable_;
  std::vector<Settlement> settlements_;
  std::thread poller_;
  std::thread reclaimer_;
};

}  // namespace addon
