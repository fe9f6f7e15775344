#include "runtime/entry.h"

namespace emulator {
namespace {

struct Event {
  std::shared_ptr<Device> device;
  bool timed;
  std::mutex mutex;
  std::shared_ptr<Occurrence> last;  ///< null until it is recorded

  std::shared_ptr<Occurrence> occurrence() {
    const std::lock_guard<std::mutex> lock(mutex);
    return last;
  }
};

using Streams = HandleTable<hipStream_t, Stream>;
using Events = HandleTable<hipEvent_t, Event>;
using Graphs = HandleTable<hipGraph_t, Graph>;
using GraphExecs = HandleTable<hipGraphExec_t, Graph>;

}  // namespace

std::shared_ptr<Stream> streamOf(hipStream_t handle, Status* status) {
  if (!handle) {
    const auto device = currentDevice(status);
    return device ? device->nullStream() : nullptr;
  }
  auto stream = table<Streams>().get(handle);
  *status = !stream ? hipErrorInvalidHandle : stream->device().status();
  return *status == hipSuccess ? stream : nullptr;
}

}  // namespace emulator

using namespace emulator;

EMULATOR_EXPORT hipError_t hipStreamCreateWithFlags(hipStream_t* stream, unsigned flags) {
  return enter("hipStreamCreateWithFlags", [&] {
    Status status;
    const auto device = currentDevice(&status);
    if (!device) return status;
    if (!stream || flags > 1) return hipErrorInvalidValue;
    auto made = std::make_shared<Stream>(device);
    device->add(made);
    *stream = table<Streams>().add(std::move(made));
    return hipSuccess;
  });
}

EMULATOR_EXPORT hipError_t hipStreamDestroy(hipStream_t handle) {
  return enter("hipStreamDestroy", [&] {
    const auto stream = table<Streams>().remove(handle);
    if (!stream) return hipErrorInvalidHandle;
    stream->close();  // what is enqueued still runs
    return hipSuccess;
  });
}

EMULATOR_EXPORT hipError_t hipStreamQuery(hipStream_t handle) {
  return enter("hipStreamQuery", [&] {
    Status status;
    const auto stream = streamOf(handle, &status);
    if (!stream) return status;
    if (stream->capturing()) return hipErrorStreamCaptureUnsupported;
    return stream->idle() ? stream->device().status() : hipErrorNotReady;
  });
}

EMULATOR_EXPORT hipError_t hipStreamSynchronize(hipStream_t handle) {
  return enter("hipStreamSynchronize", [&] {
    Status status;
    const auto stream = streamOf(handle, &status);
    if (!stream) return status;
    if (stream->capturing()) return hipErrorStreamCaptureUnsupported;
    stream->synchronize();
    return stream->device().status();
  });
}

EMULATOR_EXPORT hipError_t hipStreamWaitEvent(hipStream_t handle, hipEvent_t eventHandle, unsigned flags) {
  return enter("hipStreamWaitEvent", [&] {
    Status status;
    const auto stream = streamOf(handle, &status);
    if (!stream) return status;
    const auto event = table<Events>().get(eventHandle);
    if (!event) return hipErrorInvalidHandle;
    if (flags) return hipErrorInvalidValue;
    const auto occurrence = event->occurrence();
    return occurrence ? stream->waitFor(occurrence) : hipSuccess;
  });
}

EMULATOR_EXPORT hipError_t hipStreamBeginCapture(hipStream_t handle, int mode) {
  return enter("hipStreamBeginCapture", [&] {
    Status status;
    const auto stream = streamOf(handle, &status);
    if (!stream) return status;
    if (mode < 0 || mode > 2) return hipErrorInvalidValue;
    if (!handle) return hipErrorStreamCaptureUnsupported;  // the null stream cannot be captured
    return stream->beginCapture();
  });
}

EMULATOR_EXPORT hipError_t hipStreamEndCapture(hipStream_t handle, hipGraph_t* graph) {
  return enter("hipStreamEndCapture", [&] {
    Status status;
    const auto stream = streamOf(handle, &status);
    if (!stream) return status;
    if (!graph) return hipErrorInvalidValue;
    std::shared_ptr<Graph> captured;
    status = stream->endCapture(&captured);
    if (status == hipSuccess) *graph = table<Graphs>().add(std::move(captured));
    return status;
  });
}

EMULATOR_EXPORT hipError_t hipEventCreateWithFlags(hipEvent_t* event, unsigned flags) {
  return enter("hipEventCreateWithFlags", [&] {
    Status status;
    const auto device = currentDevice(&status);
    if (!device) return status;
    constexpr unsigned blockingSync = 1, disableTiming = 2, interprocess = 4;
    if (!event || flags & ~(blockingSync | disableTiming | interprocess)) return hipErrorInvalidValue;
    if (flags & interprocess) return hipErrorNotSupported;
    auto made = std::make_shared<Event>();
    made->device = device;
    made->timed = !(flags & disableTiming);
    *event = table<Events>().add(std::move(made));
    return hipSuccess;
  });
}

EMULATOR_EXPORT hipError_t hipEventDestroy(hipEvent_t handle) {
  return enter("hipEventDestroy",
               [&] { return table<Events>().remove(handle) ? hipSuccess : hipErrorInvalidHandle; });
}

EMULATOR_EXPORT hipError_t hipEventRecord(hipEvent_t handle, hipStream_t streamHandle) {
  return enter("hipEventRecord", [&] {
    Status status;
    const auto stream = streamOf(streamHandle, &status);
    if (!stream) return status;
    const auto event = table<Events>().get(handle);
    if (!event || event->device.get() != &stream->device()) return hipErrorInvalidHandle;
    auto occurrence = stream->record();
    const std::lock_guard<std::mutex> lock(event->mutex);
    event->last = std::move(occurrence);
    return hipSuccess;
  });
}

EMULATOR_EXPORT hipError_t hipEventQuery(hipEvent_t handle) {
  return enter("hipEventQuery", [&] {
    const auto event = table<Events>().get(handle);
    if (!event) return hipErrorInvalidHandle;
    const auto occurrence = event->occurrence();
    if (occurrence && occurrence->capture) return hipErrorStreamCaptureUnsupported;
    if (occurrence && !occurrence->happened()) return hipErrorNotReady;
    return event->device->status();
  });
}

EMULATOR_EXPORT hipError_t hipEventElapsedTime(float* milliseconds, hipEvent_t startHandle,
                                               hipEvent_t stopHandle) {
  return enter("hipEventElapsedTime", [&] {
    const auto start = table<Events>().get(startHandle), stop = table<Events>().get(stopHandle);
    if (!start || !stop || !start->timed || !stop->timed) return hipErrorInvalidHandle;
    if (!milliseconds) return hipErrorInvalidValue;
    const auto from = start->occurrence(), to = stop->occurrence();
    if (!from || !to || from->capture || to->capture) return hipErrorInvalidHandle;
    if (!from->happened() || !to->happened()) return hipErrorNotReady;
    *milliseconds = std::chrono::duration<float, std::milli>(to->time() - from->time()).count();
    return hipSuccess;
  });
}

EMULATOR_EXPORT hipError_t hipGraphInstantiateWithFlags(hipGraphExec_t* exec, hipGraph_t graph,
                                                        unsigned long long) {
  return enter("hipGraphInstantiateWithFlags", [&] {
    const auto captured = table<Graphs>().get(graph);
    if (!exec || !captured) return hipErrorInvalidValue;
    *exec = table<GraphExecs>().add(std::make_shared<Graph>(*captured));
    return hipSuccess;
  });
}

EMULATOR_EXPORT hipError_t hipGraphLaunch(hipGraphExec_t handle, hipStream_t streamHandle) {
  return enter("hipGraphLaunch", [&] {
    Status status;
    const auto stream = streamOf(streamHandle, &status);
    if (!stream) return status;
    const auto graph = table<GraphExecs>().get(handle);
    if (!graph) return hipErrorInvalidValue;
    stream->submit([graph](Stream& on) {
      for (const Operation& operation : graph->operations) operation(on);
    });
    return hipSuccess;
  });
}

EMULATOR_EXPORT hipError_t hipGraphExecDestroy(hipGraphExec_t exec) {
  return enter("hipGraphExecDestroy",
               [&] { return table<GraphExecs>().remove(exec) ? hipSuccess : hipErrorInvalidValue; });
}

EMULATOR_EXPORT hipError_t hipGraphDestroy(hipGraph_t graph) {
  return enter("hipGraphDestroy",
               [&] { return table<Graphs>().remove(graph) ? hipSuccess : hipErrorInvalidValue; });
}
