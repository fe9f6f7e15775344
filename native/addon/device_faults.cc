#include "../hip/constants.h"
#include "device.h"

namespace addon {
namespace {

/// Errors after which HIP answers every call of the process on this device with the same error.
bool endsDevice(hipError_t state) {
  switch (state) {
    case hip::errorEccNotCorrectable:
    case hip::errorIllegalAddress:
    case hip::errorLaunchTimeOut:
    case hip::errorContextIsDestroyed:
    case hip::errorAssert:
    case hip::errorLaunchFailure:
      return true;
    default:
      return false;
  }
}

std::string text(const char* words) { return words != nullptr ? words : ""; }

}  // namespace

Failure Device::failure(hipError_t state, const char* call) {
  const bool reported = emulated() && !text(hip().rocmEmulatorLastFault(ordinal_)).empty();
  if (reported || endsDevice(state)) return fault(state, call);
  const std::string name = text(hip().hipGetErrorName(state));
  return Failure("ERR_HIP",
                 std::string(call) + " failed on " + info_.name + ": " + name + " (" +
                     text(hip().hipGetErrorString(state)) + ")",
                 name, call);
}

Failure Device::fault(hipError_t state, const char* call) {
  lost_ = true;
  const std::string name = text(hip().hipGetErrorName(state));
  const std::string report = emulated() ? text(hip().rocmEmulatorLastFault(ordinal_)) : "";
  return Failure("ERR_DEVICE_FAULT",
                 "a fault ended the work of " + info_.name + ": " + name + " (" +
                     text(hip().hipGetErrorString(state)) + ")" + (report.empty() ? "" : "\n" + report) +
                     "\nThe device is lost: close it and open it again",
                 name, call);
}

}  // namespace addon
