#include "runtime/stream.h"

#include <algorithm>
#include <new>
#include <thread>

#include "memory/address_space.h"
#include "runtime/worker_pool.h"

namespace emulator {

void Occurrence::happen() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (happened_) return;
  time_ = std::chrono::steady_clock::now();
  happened_ = true;
  changed_.notify_all();
}

bool Occurrence::happened() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return happened_;
}

void Occurrence::wait(const std::atomic<bool>& cancelled) const {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!changed_.wait_for(lock, std::chrono::milliseconds(10), [this] { return happened_; })) {
    if (cancelled) return;
  }
}

std::chrono::steady_clock::time_point Occurrence::time() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return time_;
}

Stream::Stream(std::shared_ptr<Device> device) : device_(std::move(device)) {}

Stream::~Stream() {
  close();
  if (kernarg_) AddressSpace::instance().release(kernarg_, device_->ordinal);
}

void Stream::submit(Operation operation) {
  {
    const std::lock_guard<std::mutex> lock(captureMutex_);
    if (capture_) {
      capture_->graph->operations.push_back(std::move(operation));
      captureClock_[this]++;
      return;
    }
  }
  const std::lock_guard<std::mutex> lock(queue_->mutex);
  if (queue_->closed) return;
  if (!queue_->started) {
    std::thread(run, queue_).detach();
    queue_->started = true;
  }
  queue_->operations.emplace_back(shared_from_this(), std::move(operation));
  queue_->changed.notify_all();
}

void Stream::run(const std::shared_ptr<Queue>& queue) {
  lowerThreadPriority();
  std::unique_lock<std::mutex> lock(queue->mutex);
  for (;;) {
    queue->changed.wait(lock, [&] { return queue->closed || !queue->operations.empty(); });
    if (queue->operations.empty()) return;
    auto [stream, operation] = std::move(queue->operations.front());
    queue->operations.pop_front();
    queue->busy = true;
    lock.unlock();
    try {
      operation(*stream);
    } catch (const std::bad_alloc&) {
      stream->device().fail(hipErrorOutOfMemory, "the host has no memory left for the emulator");
    }
    operation = nullptr;
    stream.reset();  // may be the last reference: not under the lock
    lock.lock();
    queue->busy = false;
    if (queue->operations.empty()) queue->changed.notify_all();
  }
}

bool Stream::idle() const {
  const std::lock_guard<std::mutex> lock(queue_->mutex);
  return queue_->operations.empty() && !queue_->busy;
}

void Stream::synchronize() {
  std::unique_lock<std::mutex> lock(queue_->mutex);
  queue_->changed.wait(lock, [this] { return queue_->operations.empty() && !queue_->busy; });
}

void Stream::close() {
  const std::lock_guard<std::mutex> lock(queue_->mutex);
  queue_->closed = true;
  queue_->changed.notify_all();
}

std::shared_ptr<Occurrence> Stream::record() {
  auto occurrence = std::make_shared<Occurrence>();
  {
    const std::lock_guard<std::mutex> lock(captureMutex_);
    occurrence->capture = capture_;
    occurrence->captureClock = captureClock_;
  }
  if (!occurrence->capture) submit([occurrence](Stream&) { occurrence->happen(); });
  return occurrence;
}

Status Stream::waitFor(const std::shared_ptr<Occurrence>& occurrence) {
  {
    const std::lock_guard<std::mutex> lock(captureMutex_);
    if (occurrence->capture && occurrence->capture->ended) return hipErrorCapturedEvent;
    if (occurrence->capture && capture_ && capture_ != occurrence->capture) return hipErrorStreamCaptureMerge;
    if (!occurrence->capture && capture_) return hipErrorStreamCaptureIsolation;
    if (occurrence->capture && !capture_) {
      capture_ = occurrence->capture;
      capture_->members.push_back(weak_from_this());
      captureClock_ = {{this, 1}};
    }
    for (const auto& [stream, steps] : occurrence->captureClock) {
      captureClock_[stream] = std::max(captureClock_[stream], steps);
    }
    if (occurrence->capture) return hipSuccess;
  }
  submit([occurrence](Stream& on) { occurrence->wait(on.device().cancelled()); });
  return hipSuccess;
}

Status Stream::beginCapture() {
  const std::lock_guard<std::mutex> lock(captureMutex_);
  if (capture_) return hipErrorIllegalState;
  capture_ = std::make_shared<Capture>();
  capture_->origin = this;
  captureClock_ = {{this, 1}};
  return hipSuccess;
}

Status Stream::endCapture(std::shared_ptr<Graph>* graph) {
  std::shared_ptr<Capture> capture;
  CaptureClock clock;
  {
    const std::lock_guard<std::mutex> lock(captureMutex_);
    if (!capture_) return hipErrorIllegalState;
    if (capture_->origin != this) return hipErrorStreamCaptureUnmatched;
    capture = std::move(capture_);
    capture_.reset();
    clock.swap(captureClock_);
  }
  bool joined = true;
  capture->ended = true;
  for (const auto& member : capture->members) {
    if (const auto stream = member.lock()) {
      const std::lock_guard<std::mutex> lock(stream->captureMutex_);
      stream->capture_.reset();
      joined &= clock[stream.get()] >= stream->captureClock_[stream.get()];
      stream->captureClock_.clear();
    }
  }
  if (!joined) return hipErrorStreamCaptureUnjoined;
  *graph = capture->graph;
  return hipSuccess;
}

bool Stream::capturing() const {
  const std::lock_guard<std::mutex> lock(captureMutex_);
  return capture_ != nullptr;
}

uint64_t Stream::kernargAddress() {
  if (!kernarg_) {
    kernarg_ = AddressSpace::instance().allocate(kKernargBytes, MemoryKind::pinnedHost, device_->ordinal);
    if (!kernarg_) throw std::bad_alloc();
  }
  return kernarg_;
}

}  // namespace emulator
