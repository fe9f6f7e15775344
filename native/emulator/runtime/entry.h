#pragma once

#include <iterator>
#include <memory>
#include <mutex>
#include <new>
#include <system_error>
#include <unordered_map>

#include "hip/functions.h"
#include "runtime/device.h"
#include "runtime/status.h"
#include "runtime/stream.h"

#define EMULATOR_EXPORT extern "C" __attribute__((visibility("default")))

namespace emulator {

/// What ROCM_EMULATOR_FAIL demands of this call of a function; hipSuccess nearly always.
Status injectedFailure(const char* function);
/// How often a function has been called in this process.
uint64_t callsOf(const char* function);
/// Sets ROCM_EMULATOR_FAIL's value: "" or "hipMalloc:3" (the third call from now fails), "hipMalloc:every".
/// False where it makes no sense.
bool setInjectedFailure(const std::string& value);
/// Whether it makes sense.
bool isInjectedFailure(const std::string& value);

/// What hipGetLastError gives and forgets, per thread.
int& lastError();

/// The body of every HIP function: no exception leaves it, failures are remembered, and they can be injected.
template <class Body>
hipError_t enter(const char* function, Body body) {
  Status status = injectedFailure(function);
  if (status == hipSuccess) {
    try {
      status = body();
    } catch (const std::bad_alloc&) {
      status = hipErrorOutOfMemory;
    } catch (const std::system_error&) {
      status = hipErrorOutOfMemory;  // no thread for a stream
    }
  }
  if (status != hipSuccess && status != hipErrorNotReady) lastError() = status;
  return status;
}

/// The objects behind handles, so that a handle that never was or is no more is an error instead of a crash.
template <class Handle, class Object>
class HandleTable {
 public:
  Handle add(std::shared_ptr<Object> object) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto handle = reinterpret_cast<Handle>(object.get());
    objects_[handle] = std::move(object);
    return handle;
  }
  std::shared_ptr<Object> get(Handle handle) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto row = objects_.find(handle);
    return row == objects_.end() ? nullptr : row->second;
  }
  std::shared_ptr<Object> remove(Handle handle) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto row = objects_.find(handle);
    if (row == objects_.end()) return nullptr;
    auto object = std::move(row->second);
    objects_.erase(row);
    return object;
  }
  template <class Predicate>
  void removeIf(Predicate predicate) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (auto row = objects_.begin(); row != objects_.end();) {
      row = predicate(*row->second) ? objects_.erase(row) : std::next(row);
    }
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<Handle, std::shared_ptr<Object>> objects_;
};

/// The one table of a kind of handle.
template <class Table>
Table& table() {
  static Table* instance = new Table;  // never destroyed: other threads may use it when the process exits
  return *instance;
}

/// The calling thread's device. Null (and then a status to return) where there is none or it has failed.
std::shared_ptr<Device> currentDevice(Status* status);

/// The stream of a handle, the current device's null stream for a null one.
std::shared_ptr<Stream> streamOf(hipStream_t handle, Status* status);

}  // namespace emulator
