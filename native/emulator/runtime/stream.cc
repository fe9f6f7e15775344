#include "runtime/stream.h"

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

void Occurrence::wait() const {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return happened_; });
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
      return;
    }
  }
  const std::lock_guard<std::mutex> lock(queue_->mutex);
  if (queue_->closed) return;
  queue_->operations.emplace_back(shared_from_this(), std::move(operation));
  if (!queue_->started) {
    queue_->started = true;
    std::thread(run, queue_).detach();
  }
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
    operation(*stream);
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
  }
  if (!occurrence->capture) submit([occurrence](Stream&) { occurrence->happen(); });
  return occurrence;
}

void Stream::waitFor(const std::shared_ptr<Occurrence>& occurrence) {
  if (occurrence->capture) {
    const std::lock_guard<std::mutex> lock(captureMutex_);
    if (capture_ == occurrence->capture) return;
    capture_ = occurrence->capture;
    capture_->members.push_back(weak_from_this());
    return;
  }
  submit([occurrence](Stream&) { occurrence->wait(); });
}

Status Stream::beginCapture() {
  const std::lock_guard<std::mutex> lock(captureMutex_);
  if (capture_) return hipErrorIllegalState;
  capture_ = std::make_shared<Capture>();
  capture_->origin = this;
  return hipSuccess;
}

Status Stream::endCapture(std::shared_ptr<Graph>* graph) {
  std::shared_ptr<Capture> capture;
  {
    const std::lock_guard<std::mutex> lock(captureMutex_);
    if (!capture_) return hipErrorIllegalState;
    if (capture_->origin != this) return hipErrorStreamCaptureUnmatched;
    capture = std::move(capture_);
    capture_.reset();
  }
  for (const auto& member : capture->members) {
    if (const auto stream = member.lock()) {
      const std::lock_guard<std::mutex> lock(stream->captureMutex_);
      stream->capture_.reset();
    }
  }
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
  }
  return kernarg_;
}

}  // namespace emulator
