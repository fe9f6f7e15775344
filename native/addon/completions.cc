#include "completions.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "../hip/constants.h"
#include "device.h"

namespace addon {
namespace {

constexpr std::chrono::microseconds shortestPause(20);
constexpr std::chrono::microseconds longestPause(500);

}  // namespace

Completions::Completions(napi_env env) : env_(env) {
  napi_value name;
  napi_create_string_utf8(env, "rocm-attention", NAPI_AUTO_LENGTH, &name);
  const auto call = [](napi_env env, napi_value, void* context, void*) {
    if (env != nullptr) static_cast<Completions*>(context)->settle(env);
  };
  const napi_status status = napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr,
                                                             nullptr, this, call, &wake_);
  if (status != napi_ok) throw Failure("ERR_ADDON", "Node gave no thread-safe function");
  napi_unref_threadsafe_function(env, wake_);
}

Completions::~Completions() { stop(); }

void Completions::add(Pending pending) {
  const bool awaited = static_cast<bool>(pending.settle);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return;
    incoming_.push_back(std::move(pending));
  }
  if (awaited && awaited_++ == 0) napi_ref_threadsafe_function(env_, wake_);
  if (!poller_.joinable()) startThreads();
  added_.notify_one();
}

void Completions::startThreads() {
  poller_ = std::thread([this] { poll(); });
  reclaimer_ = std::thread([this] { reclaim(); });
}

void Completions::poll() {
  std::vector<Pending> waiting;
  std::chrono::microseconds pause = shortestPause;
  while (true) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      const auto due = [this] { return stopping_ || !incoming_.empty(); };
      if (waiting.empty()) {
        added_.wait(lock, due);
      } else {
        added_.wait_for(lock, pause, due);
      }
      if (stopping_) {
        // What is left belongs to JavaScript and ends on its thread.
        std::move(waiting.begin(), waiting.end(), std::back_inserter(incoming_));
        return;
      }
      pause = incoming_.empty() ? std::min(2 * pause, longestPause) : shortestPause;
      std::move(incoming_.begin(), incoming_.end(), std::back_inserter(waiting));
      incoming_.clear();
    }
    // Kept in order, so that what was enqueued first settles first.
    std::vector<Pending> still;
    for (Pending& pending : waiting) {
      const hipError_t state = pending.device->poll(*pending.fence);
      if (state == hip::errorNotReady) {
        still.push_back(std::move(pending));
      } else {
        finish(std::move(pending), state);
      }
    }
    waiting = std::move(still);
  }
}

void Completions::finish(Pending pending, hipError_t state) {
  std::optional<Failure> failure;
  if (state != hip::success) failure = pending.device->fault(state, "hipEventQuery");
  if (pending.reclaim) {
    std::lock_guard<std::mutex> lock(mutex_);
    reclaims_.emplace_back(std::move(pending), std::move(failure));
    reclaimable_.notify_one();
  } else if (pending.settle) {
    pass({std::move(pending.settle), std::move(failure)});
  }
}

void Completions::later(std::function<void()> reclaim) {
  Pending pending;
  pending.reclaim = std::move(reclaim);
  std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_) return;
  reclaims_.emplace_back(std::move(pending), std::nullopt);
  reclaimable_.notify_one();
}

void Completions::reclaim() {
  while (true) {
    std::pair<Pending, std::optional<Failure>> next;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      reclaimable_.wait(lock, [this] { return stopping_ || !reclaims_.empty(); });
      if (stopping_) return;
      next = std::move(reclaims_.front());
      reclaims_.pop_front();
    }
    next.first.reclaim();
    if (next.first.settle) pass({std::move(next.first.settle), std::move(next.second)});
  }
}

void Completions::pass(Settlement settlement) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    settlements_.push_back(std::move(settlement));
  }
  napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

void Completions::settle(napi_env env) {
  std::vector<Settlement> settlements;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    settlements.swap(settlements_);
  }
  for (Settlement& settlement : settlements) {
    settlement.settle(env, settlement.failure ? &*settlement.failure : nullptr);
    if (--awaited_ == 0 && wake_ != nullptr) napi_unref_threadsafe_function(env, wake_);
  }
}

void Completions::stopPolling() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  added_.notify_all();
  reclaimable_.notify_all();
  if (poller_.joinable()) poller_.join();
}

void Completions::stop() {
  stopPolling();
  if (reclaimer_.joinable()) reclaimer_.join();
  incoming_.clear();
  reclaims_.clear();
  settlements_.clear();
  if (wake_ != nullptr) {
    napi_release_threadsafe_function(wake_, napi_tsfn_abort);
    wake_ = nullptr;
  }
}

}  // namespace addon
