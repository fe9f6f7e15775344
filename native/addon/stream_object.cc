#include "stream_object.h"

#include <cstring>

#include "../hip/constants.h"
#include "device_object.h"
#include "event_object.h"
#include "graph_object.h"
#include "kernel_object.h"

namespace addon {
namespace {

void* pointerTo(uint64_t address) { return reinterpret_cast<void*>(address); }

/// The bytes of a Uint8Array; no property of it is looked up.
std::pair<const uint8_t*, size_t> bytesOf(const Napi::Value& value) {
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(value.Env(), value, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    throw Napi::TypeError::New(value.Env(), "expected a Uint8Array");
  }
  return {static_cast<const uint8_t*>(data), length};
}

}  // namespace

Napi::Function StreamObject::define(Napi::Env env) {
  return DefineClass(
      env, className,
      {InstanceAccessor<&StreamObject::handle>("handle"), InstanceAccessor<&StreamObject::capture>("capture"),
       InstanceMethod<&StreamObject::launch>("launch"), InstanceMethod<&StreamObject::fill>("fill"),
       InstanceMethod<&StreamObject::copy>("copy"), InstanceMethod<&StreamObject::peerCopy>("peerCopy"),
       InstanceMethod<&StreamObject::write>("write"),
       InstanceMethod<&StreamObject::writeThrough>("writeThrough"),
       InstanceMethod<&StreamObject::read>("read"), InstanceMethod<&StreamObject::record>("record"),
       InstanceMethod<&StreamObject::wait>("wait"), InstanceMethod<&StreamObject::synchronize>("synchronize"),
       InstanceMethod<&StreamObject::beginCapture>("beginCapture"),
       InstanceMethod<&StreamObject::endCapture>("endCapture"),
       InstanceMethod<&StreamObject::dispose>("dispose")});
}

StreamObject::~StreamObject() {
  if (core_.device != nullptr) core_.device->disposeStream(core_.stream);
}

hipStream_t StreamObject::enter(const Device& device) {
  if (&device != core_.device.get()) {
    throw Failure("ERR_INVALID_ARGUMENT",
                  "expected a stream of the same device, received one of another device");
  }
  if (core_.stream->last != nullptr) throw Failure("ERR_DISPOSED", "the stream was used after its dispose()");
  core_.device->enter();
  core_.stream->enqueued++;
  return core_.stream->handle;
}

void StreamObject::refuseCapture(const char* what) const {
  if (!core_.stream->capturing()) return;
  throw Failure("ERR_INVALID_ARGUMENT",
                std::string(what) +
                    " cannot be captured, because it passes host memory once: do it before "
                    "beginCapture() or after endCapture()");
}

Napi::Value StreamObject::handle(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), reinterpret_cast<uint64_t>(core_.stream->handle));
}

Napi::Value StreamObject::capture(const Napi::CallbackInfo& info) {
  const Stream& stream = *core_.stream;
  return Napi::Number::New(info.Env(), stream.capturing() ? stream.capture->number : 0);
}

void StreamObject::launch(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    const auto [bytes, room] = bytesOf(info[0]);
    const size_t length = integer(info[1], static_cast<double>(room));
    const hipStream_t stream = enter();
    for (size_t at = 0; at < length;) {
      Launch launch;
      if (length - at < sizeof(launch)) throw Napi::RangeError::New(info.Env(), "a launch is cut off");
      std::memcpy(&launch, bytes + at, sizeof(launch));
      at += sizeof(launch);
      if (length - at < launch.kernargBytes) throw Napi::RangeError::New(info.Env(), "kernargs are cut off");
      enqueue(stream, launch, bytes + at);
      at += (size_t{launch.kernargBytes} + 7) / 8 * 8;
    }
  });
}

void StreamObject::enqueue(hipStream_t stream, const Launch& launch, const uint8_t* kernargs) {
  const auto found = environment_.kernels->find(launch.kernel);
  if (found == environment_.kernels->end()) {
    throw Failure("ERR_DISPOSED", "the kernel was used after it was collected");
  }
  KernelCore& kernel = *found->second;
  if (kernel.module->device != core_.device) {
    throw Failure("ERR_INVALID_ARGUMENT",
                  "expected a stream of the same device, received one of another device");
  }
  if (kernel.module->disposed) {
    throw Failure("ERR_DISPOSED", "the kernel was used after its module's dispose()");
  }
  size_t length = launch.kernargBytes;
  if (length > kernel.kernargs.size()) {
    throw Failure("ERR_INVALID_ARGUMENT", "expected at most " + std::to_string(kernel.kernargs.size()) +
                                              " bytes of kernel arguments, received " +
                                              std::to_string(length));
  }
  std::memcpy(kernel.kernargs.data(), kernargs, length);
  std::memset(kernel.kernargs.data() + length, 0, kernel.kernargs.size() - length);
  void* extra[] = {hip::launchParameterBuffer(), kernel.kernargs.data(), hip::launchParameterSize(), &length,
                   hip::launchParameterEnd()};
  const auto& [gridX, gridY, gridZ] = launch.grid;
  const auto& [blockX, blockY, blockZ] = launch.block;
  core_.device->check(
      core_.device->hip().hipModuleLaunchKernel(kernel.function, gridX, gridY, gridZ, blockX, blockY, blockZ,
                                                launch.ldsBytes, stream, nullptr, extra),
      "hipModuleLaunchKernel");
}

void StreamObject::fill(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    const uint64_t to = address(info[0]);
    const int value = integer(info[1], 255);
    const uint64_t bytes = integer(info[2], maxBytes);
    const hipStream_t stream = enter();
    core_.device->check(core_.device->hip().hipMemsetAsync(pointerTo(to), value, bytes, stream),
                        "hipMemsetAsync");
  });
}

void StreamObject::copy(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    const uint64_t to = address(info[0]), from = address(info[1]);
    const uint64_t bytes = integer(info[2], maxBytes);
    const hipStream_t stream = enter();
    core_.device->check(
        core_.device->hip().hipMemcpyAsync(pointerTo(to), pointerTo(from), bytes, hip::byAddress, stream),
        "hipMemcpyAsync");
  });
}

void StreamObject::peerCopy(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Device& toDevice = *DeviceObject::from(info[1]).core();
    Device& fromDevice = *DeviceObject::from(info[3]).core();
    const uint64_t to = address(info[0]), from = address(info[2]);
    const uint64_t bytes = integer(info[4], maxBytes);
    if (&toDevice.runtime() != &fromDevice.runtime()) {
      throw Failure(
          "ERR_INVALID_ARGUMENT",
          "expected two GPUs or two emulated devices, received one of each: pass the data through the host");
    }
    toDevice.enablePeer(fromDevice);
    const hipStream_t stream = enter();
    core_.device->check(
        core_.device->hip().hipMemcpyPeerAsync(pointerTo(to), toDevice.ordinal(), pointerTo(from),
                                               fromDevice.ordinal(), bytes, stream),
        "hipMemcpyPeerAsync");
    if (&toDevice != &fromDevice && !core_.stream->capturing()) fromDevice.usedBy(core_.device, core_.stream);
  });
}

void StreamObject::upload(const Napi::Value& to, const Napi::Value& source,
                          std::function<void(napi_env, const Failure*)> settle) {
  const uint64_t target = address(to);
  const auto [bytes, length] = bytesOf(source);
  refuseCapture("an upload");
  const hipStream_t stream = enter();
  const std::shared_ptr<uint8_t> block = core_.device->stage(length);
  std::memcpy(block.get(), bytes, length);
  core_.device->check(
      core_.device->hip().hipMemcpyAsync(pointerTo(target), block.get(), length, hip::hostToDevice, stream),
      "hipMemcpyAsync");
  Pending pending;
  pending.device = core_.device;
  pending.fence = core_.device->fenceOf(core_.stream);
  pending.staging = block;
  pending.settle = std::move(settle);
  core_.device->add(std::move(pending));
}

void StreamObject::write(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] { upload(info[0], info[1], nullptr); });
}

Napi::Value StreamObject::writeThrough(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Deferred deferred(info.Env());
    upload(info[0], info[1],
           [deferred](napi_env env, const Failure* failure) { deferred.settle(env, failure); });
    return {info.Env(), deferred.promise};
  });
}

Napi::Value StreamObject::read(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const uint64_t from = address(info[0]);
    const uint64_t offset = integer(info[2], maxBytes), bytes = integer(info[3], maxBytes);
    if (!info[1].IsArrayBuffer()) throw Napi::TypeError::New(info.Env(), "expected an ArrayBuffer");
    Napi::ArrayBuffer buffer = info[1].As<Napi::ArrayBuffer>();
    if (offset + bytes > buffer.ByteLength())
      throw Napi::RangeError::New(info.Env(), "beyond the ArrayBuffer");
    refuseCapture("a read");
    const hipStream_t stream = enter();
    const std::shared_ptr<uint8_t> block = core_.device->stage(bytes);
    core_.device->check(
        core_.device->hip().hipMemcpyAsync(block.get(), pointerTo(from), bytes, hip::deviceToHost, stream),
        "hipMemcpyAsync");
    const Deferred deferred(info.Env());
    const auto target = std::make_shared<Napi::Reference<Napi::ArrayBuffer>>(Napi::Persistent(buffer));
    whenEnded([=](napi_env env, const Failure* failure) {
      void* data = nullptr;
      size_t length = 0;
      if (failure == nullptr && napi_get_arraybuffer_info(env, target->Value(), &data, &length) == napi_ok &&
          length >= offset + bytes) {
        std::memcpy(static_cast<uint8_t*>(data) + offset, block.get(), bytes);
      }
      deferred.settle(env, failure);
    });
    return {info.Env(), deferred.promise};
  });
}

void StreamObject::whenEnded(std::function<void(napi_env, const Failure*)> settle) {
  Pending pending;
  pending.device = core_.device;
  pending.fence = core_.device->fenceOf(core_.stream);
  pending.settle = std::move(settle);
  core_.device->add(std::move(pending));
}

Napi::Value StreamObject::record(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    enter();
    const Event event = core_.device->createEvent(0);
    core_.device->record(event, core_.stream);
    const auto capture = core_.stream->capturing() ? core_.stream->capture : nullptr;
    return EventObject::make(info.Env(), environment_.event, {core_.device, event, capture});
  });
}

void StreamObject::wait(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    EventObject& event = EventObject::from(info[0]);
    if (&event.core().device->runtime() != &core_.device->runtime()) {
      throw Failure(
          "ERR_INVALID_ARGUMENT",
          "expected an event of the same kind of device, received a GPU's on an emulated device or the "
          "reverse");
    }
    const hipEvent_t handle = event.event();
    const std::shared_ptr<Capture>& capture = event.core().capture;
    const auto own = core_.stream->capturing() ? core_.stream->capture : nullptr;
    if (capture != nullptr ? capture->ended || (own != nullptr && own != capture) : own != nullptr) {
      throw Failure("ERR_INVALID_ARGUMENT",
                    "expected an event of the capture that the stream takes part in or joins, received one " +
                        std::string(capture == nullptr ? "that was not captured"
                                    : capture->ended   ? "of a capture that has ended"
                                                       : "of another capture"));
    }
    const hipStream_t stream = enter();
    core_.device->check(core_.device->hip().hipStreamWaitEvent(stream, handle, 0), "hipStreamWaitEvent");
    if (capture != nullptr) core_.stream->capture = capture;
  });
}

Napi::Value StreamObject::synchronize(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    refuseCapture("synchronize()");
    enter();
    const Deferred deferred(info.Env());
    whenEnded([deferred](napi_env env, const Failure* failure) { deferred.settle(env, failure); });
    return {info.Env(), deferred.promise};
  });
}

void StreamObject::beginCapture(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    if (core_.stream->capturing()) {
      throw Failure("ERR_INVALID_ARGUMENT", "beginCapture() came twice: call endCapture() first");
    }
    const hipStream_t stream = enter();
    core_.device->check(core_.device->hip().hipStreamBeginCapture(stream, hip::captureModeRelaxed),
                        "hipStreamBeginCapture");
    static std::atomic<uint32_t> captures{0};
    core_.stream->capture = std::make_shared<Capture>(Capture{core_.stream.get(), ++captures});
  });
}

Napi::Value StreamObject::endCapture(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!core_.stream->capturing() || core_.stream->capture->origin != core_.stream.get()) {
      throw Failure("ERR_INVALID_ARGUMENT", "endCapture() came without beginCapture() on this stream");
    }
    const hip::Functions& hip = core_.device->hip();
    const hipStream_t stream = enter();
    core_.stream->capture->ended = true;
    hipGraph_t graph = nullptr;
    const hipError_t ended = hip.hipStreamEndCapture(stream, &graph);
    core_.device->captureEnded();
    core_.device->check(ended, "hipStreamEndCapture");
    hipGraphExec_t exec = nullptr;
    const hipError_t made = hip.hipGraphInstantiateWithFlags(&exec, graph, 0);
    hip.hipGraphDestroy(graph);
    core_.device->check(made, "hipGraphInstantiateWithFlags");
    const Device::Resource resource = core_.device->own([&hip, exec] { hip.hipGraphExecDestroy(exec); });
    return GraphObject::make(info.Env(), environment_.graph, {core_.device, exec, resource});
  });
}

void StreamObject::dispose(const Napi::CallbackInfo&) { core_.device->disposeStream(core_.stream); }

}  // namespace addon
