#include <cstring>

#include "decode/engine.h"
#include "launch/options.h"
#include "runtime/entry.h"
#include "runtime/environment.h"

namespace emulator {
namespace {

thread_local int current = 0;

}  // namespace

int& lastError() {
  static thread_local int error = hipSuccess;
  return error;
}

std::shared_ptr<Device> currentDevice(Status* status) {
  auto device = Devices::instance().get(current);
  *status = device                        ? device->status()
            : Devices::instance().count() ? hipErrorInvalidDevice
                                          : hipErrorNoDevice;
  return *status == hipSuccess ? device : nullptr;
}

}  // namespace emulator

using namespace emulator;

EMULATOR_EXPORT const char* hipGetErrorName(hipError_t error) { return statusName(error); }
EMULATOR_EXPORT const char* hipGetErrorString(hipError_t error) { return statusText(error); }
EMULATOR_EXPORT hipError_t hipGetLastError() {
  const int error = lastError();
  lastError() = hipSuccess;
  return error;
}

EMULATOR_EXPORT hipError_t hipRuntimeGetVersion(int* version) {
  return enter("hipRuntimeGetVersion", [&] {
    if (!version) return hipErrorInvalidValue;
    *version = 60443482;  // HIP 6.4
    return hipSuccess;
  });
}

EMULATOR_EXPORT hipError_t hipDriverGetVersion(int* version) {
  return enter("hipDriverGetVersion", [&] {
    if (!version) return hipErrorInvalidValue;
    *version = 60443482;
    return hipSuccess;
  });
}

EMULATOR_EXPORT hipError_t hipGetDeviceCount(int* count) {
  return enter("hipGetDeviceCount", [&] {
    if (!count) return hipErrorInvalidValue;
    *count = Devices::instance().count();
    return *count ? hipSuccess : hipErrorNoDevice;
  });
}

EMULATOR_EXPORT hipError_t hipSetDevice(int device) {
  return enter("hipSetDevice", [&] {
    if (!Devices::instance().get(device)) return hipErrorInvalidDevice;
    current = device;
    return hipSuccess;
  });
}

EMULATOR_EXPORT hipError_t hipGetDevice(int* device) {
  return enter("hipGetDevice", [&] {
    if (!device) return hipErrorInvalidValue;
    *device = current;
    return hipSuccess;
  });
}

EMULATOR_EXPORT hipError_t hipDeviceSynchronize() {
  return enter("hipDeviceSynchronize", [] {
    Status status;
    const auto device = currentDevice(&status);
    if (!device) return status;
    device->synchronize();
    return device->status();
  });
}

EMULATOR_EXPORT hipError_t hipDeviceCanAccessPeer(int* can, int device, int peer) {
  return enter("hipDeviceCanAccessPeer", [&] {
    if (!can) return hipErrorInvalidValue;
    if (!Devices::instance().get(device) || !Devices::instance().get(peer)) return hipErrorInvalidDevice;
    *can = device != peer;
    return hipSuccess;
  });
}

EMULATOR_EXPORT hipError_t hipDeviceEnablePeerAccess(int peer, unsigned flags) {
  return enter("hipDeviceEnablePeerAccess", [&] {
    // All emulated devices reach each other's memory; there is nothing to enable.
    if (flags) return hipErrorInvalidValue;
    return Devices::instance().get(peer) && peer != current ? hipSuccess : hipErrorInvalidDevice;
  });
}

EMULATOR_EXPORT hipError_t rocmEmulatorCreateDevice(const char* arch, int computeUnits, uint64_t memoryBytes,
                                                    int* device) {
  return enter("rocmEmulatorCreateDevice", [&] {
    Target target;
    if (!arch || !device || computeUnits < 0 || computeUnits > 4096 || !parseTarget(arch, &target)) {
      return hipErrorInvalidValue;
    }
    if (!environmentMistake().empty()) return hipErrorInvalidValue;
    *device = Devices::instance().create(target, computeUnits, memoryBytes)->ordinal;
    return hipSuccess;
  });
}

EMULATOR_EXPORT const char* rocmEmulatorLastFault(int device) {
  if (device == -1) return environmentMistake().c_str();
  const auto found = Devices::instance().get(device);
  return found ? found->report() : "";
}

EMULATOR_EXPORT const char* rocmEmulatorTakeCounters(int device) {
  static thread_local std::string text;
  const auto found = Devices::instance().get(device);
  text = found ? found->takeCounters() : "[]";
  return text.c_str();
}

EMULATOR_EXPORT const char* rocmEmulatorCpuLevel() { return engine().level; }

EMULATOR_EXPORT uint64_t rocmEmulatorCalls(const char* function) { return function ? callsOf(function) : 0; }

EMULATOR_EXPORT hipError_t rocmEmulatorSetOption(const char* name, const char* value) {
  return enter("rocmEmulatorSetOption", [&] {
    if (!name || !value) return hipErrorInvalidValue;
    const bool known = !std::strcmp(name, "FAIL") ? setInjectedFailure(value) : setOption(name, value);
    return known ? hipSuccess : hipErrorInvalidValue;
  });
}
