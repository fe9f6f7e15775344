#include "device.h"

#include <algorithm>
#include <utility>

#include "../hip/constants.h"

namespace addon {

Device::Device(const hip::Runtime& runtime, int ordinal, bool created,
               std::shared_ptr<Completions> completions)
    : runtime_(runtime),
      ordinal_(ordinal),
      created_(created),
      completions_(std::move(completions)),
      staging_(std::make_shared<Staging>(
          runtime.functions,
          [completions = completions_](std::function<void()> free) { completions->later(std::move(free)); })),
      info_(readDeviceInfo(runtime, ordinal)) {}

void Device::enter() const {
  if (closed_) throw Failure("ERR_DISPOSED", "the device was used after its close()");
  if (lost()) {
    throw Failure("ERR_DEVICE_FAULT", "the device was lost by an earlier fault: close it and open it again");
  }
  const hipError_t state = hip().hipSetDevice(ordinal_);
  if (state != hip::success) {
    throw Failure("ERR_HIP", "hipSetDevice failed", hip().hipGetErrorName(state), "hipSetDevice");
  }
}

std::shared_ptr<Stream> Device::createStream() {
  enter();
  auto stream = std::make_shared<Stream>();
  check(hip().hipStreamCreateWithFlags(&stream->handle, hip::streamNonBlocking), "hipStreamCreateWithFlags");
  streams_.push_back(stream);
  return stream;
}

std::shared_ptr<Stream> Device::adoptStream(hipStream_t handle) {
  enter();
  auto stream = std::make_shared<Stream>();
  stream->handle = handle;
  stream->external = true;
  streams_.push_back(stream);
  return stream;
}

void Device::disposeStream(const std::shared_ptr<Stream>& stream) {
  if (closed_ || stream->last != nullptr) return;
  if (stream->capturing() && stream->capture->origin != stream.get()) {
    afterCapture_.push_back([this, stream] { disposeStream(stream); });
    return;
  }
  hip().hipSetDevice(ordinal_);
  if (stream->capturing()) {
    hipGraph_t graph = nullptr;
    if (hip().hipStreamEndCapture(stream->handle, &graph) == hip::success) hip().hipGraphDestroy(graph);
    stream->capture->ended = true;
  }
  stream->last = std::make_shared<Fence>();
  if (!stream->idle()) mark(*stream->last, stream);
  Pending pending;
  pending.device = shared_from_this();
  pending.fence = stream->last;
  if (!stream->external) {
    const Resource resource = own([&hip = hip(), handle = stream->handle] { hip.hipStreamDestroy(handle); });
    pending.reclaim = [this, resource] { freeNow(resource); };
  }
  add(std::move(pending));
  captureEnded();
}

Event Device::createEvent(unsigned flags) {
  hipEvent_t event = nullptr;
  check(hip().hipEventCreateWithFlags(&event, flags), "hipEventCreateWithFlags");
  const Resource resource = own([&hip = hip(), event] { hip.hipEventDestroy(event); });
  return {event, [self = shared_from_this(), resource](hipEvent_t) { self->freeNow(resource); }};
}

Event Device::takeEvent() {
  hipEvent_t event = nullptr;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!eventPool_.empty()) {
      event = eventPool_.back();
      eventPool_.pop_back();
    }
  }
  if (event == nullptr) {
    check(hip().hipEventCreateWithFlags(&event, hip::eventDisableTiming), "hipEventCreateWithFlags");
    own([&hip = hip(), event] { hip.hipEventDestroy(event); });
  }
  return {event, [self = shared_from_this()](hipEvent_t event) {
            std::lock_guard<std::mutex> lock(self->mutex_);
            self->eventPool_.push_back(event);
          }};
}

void Device::record(const Event& event, const std::shared_ptr<Stream>& stream) {
  check(hip().hipEventRecord(event.get(), stream->handle), "hipEventRecord");
}

std::shared_ptr<Fence> Device::fenceOf(const std::shared_ptr<Stream>& stream) {
  auto fence = std::make_shared<Fence>();
  mark(*fence, stream);
  return fence;
}

void Device::mark(Fence& fence, const std::shared_ptr<Stream>& stream) {
  try {
    const Event event = takeEvent();
    record(event, stream);
    fence.add(event, stream);
  } catch (const Failure&) {
    // Without an event waiting here is all that is left. A lost device answers at once.
    fence.fail(hip().hipDeviceSynchronize());
  }
}

std::shared_ptr<Fence> Device::fence() {
  uint64_t enqueued = 0;
  bool shareable = lastFence_ != nullptr;
  for (const auto& stream : streams_) {
    enqueued += stream->enqueued;
    if (stream->external) shareable = false;
  }
  if (shareable && enqueued == lastFenceEnqueued_) return lastFence_;
  auto fence = std::make_shared<Fence>();
  for (const auto& foreign : foreign_) fence->addForeign(foreign);
  const auto gone = [](const std::shared_ptr<Stream>& stream) {
    return stream->last != nullptr && stream->last->ended();
  };
  streams_.erase(std::remove_if(streams_.begin(), streams_.end(), gone), streams_.end());
  enqueued = 0;
  for (const auto& stream : streams_) {
    enqueued += stream->enqueued;
    if (stream->last != nullptr) {
      fence->add(stream->last);
    } else if (!stream->idle()) {
      mark(*fence, stream);
    }
  }
  lastFence_ = fence;
  lastFenceEnqueued_ = enqueued;
  return fence;
}

bool Device::capturing() const {
  return std::any_of(streams_.begin(), streams_.end(),
                     [](const auto& stream) { return stream->capturing(); });
}

void Device::afterWork(std::function<void()> reclaim, std::function<void(napi_env, const Failure*)> settle) {
  if (capturing()) {
    afterCapture_.push_back([this, reclaim, settle] { afterWork(reclaim, settle); });
    return;
  }
  hip().hipSetDevice(ordinal_);
  Pending pending;
  pending.device = shared_from_this();
  pending.fence = fence();
  pending.reclaim = std::move(reclaim);
  pending.settle = std::move(settle);
  add(std::move(pending));
}

void Device::captureEnded() {
  if (capturing()) return;
  std::vector<std::function<void()>> actions;
  actions.swap(afterCapture_);
  for (const auto& action : actions) action();
}

void Device::usedBy(const std::shared_ptr<Device>& other, const std::shared_ptr<Stream>& stream) {
  const auto gone = [](const std::shared_ptr<Fence>& fence) { return fence->ended(); };
  foreign_.erase(std::remove_if(foreign_.begin(), foreign_.end(), gone), foreign_.end());
  Pending pending;
  pending.device = other;
  pending.fence = other->fenceOf(stream);
  foreign_.push_back(pending.fence);
  lastFence_ = nullptr;
  add(std::move(pending));
}

std::shared_ptr<uint8_t> Device::stage(size_t bytes) {
  std::shared_ptr<uint8_t> block;
  const hipError_t state = staging_->take(bytes, &block);
  if (state == hip::errorOutOfMemory) {
    throw Failure("ERR_OUT_OF_MEMORY",
                  "the host has no room for " + std::to_string(bytes) + " bytes of pinned staging",
                  hip().hipGetErrorName(state), "hipHostMalloc");
  }
  check(state, "hipHostMalloc");
  return block;
}

hipError_t Device::poll(Fence& fence) const {
  hip().hipSetDevice(ordinal_);
  return fence.poll(hip().hipEventQuery);
}

void Device::close(std::function<void(napi_env, const Failure*)> settle) {
  for (const auto& stream : streams_) {
    if (stream->capturing() && stream->capture->origin == stream.get()) disposeStream(stream);
  }
  if (settle) {
    // A fault has been reported where the work was awaited; closing succeeds all the same.
    const auto succeed = [settle](napi_env env, const Failure*) { settle(env, nullptr); };
    // Reads that settle before take their bytes from staging, which goes with an emulated device.
    afterWork(nullptr, [self = shared_from_this(), succeed](napi_env, const Failure*) {
      self->afterWork([self] { self->destroy(); }, succeed);
    });
  } else {
    afterWork([this] { destroy(); }, nullptr);
  }
  closed_ = true;
}

void Device::abandon(bool freeAll) {
  closed_ = true;
  if (created_) {
    if (destroyed_.exchange(true)) return;
    destroyEmulated();
    if (freeAll) freeHandles();
  } else if (freeAll) {
    hip().hipSetDevice(ordinal_);
    hip().hipDeviceSynchronize();
    destroy();
  }
}

void Device::destroy() {
  if (destroyed_.exchange(true)) return;
  hip().hipSetDevice(ordinal_);
  staging_->close();
  freeHandles();
  if (created_) destroyEmulated();
}

void Device::destroyEmulated() {
  hip().rocmEmulatorDestroyDevice(ordinal_);
  memoryGone_ = true;
  staging_->forget();
}

void Device::freeHandles() {
  for (const auto& stream : streams_) {
    if (!stream->external && stream->last == nullptr) hip().hipStreamDestroy(stream->handle);
  }
  std::map<Resource, std::function<void()>> owned;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    owned.swap(owned_);
    eventPool_.clear();
  }
  for (auto next = owned.rbegin(); next != owned.rend(); ++next) next->second();
}

}  // namespace addon
