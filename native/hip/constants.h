#pragma once

// Values of HIP's enumerations and offsets in hipDeviceProp_tR0600 (1472 bytes), which HIP 6 and 7 keep.
// Source: hip_runtime_api.h.

#include <cstddef>

namespace hip {

enum Error : int {
  success = 0,
  errorOutOfMemory = 2,
  errorNoDevice = 100,
  errorContextIsDestroyed = 709,
  errorEccNotCorrectable = 214,
  errorNotReady = 600,
  errorIllegalAddress = 700,
  errorLaunchTimeOut = 702,
  errorPeerAccessAlreadyEnabled = 704,
  errorAssert = 710,
  errorLaunchFailure = 719,
};

enum CopyKind : int { hostToDevice = 1, deviceToHost = 2, byAddress = 4 };

constexpr unsigned streamNonBlocking = 1;
constexpr unsigned eventDisableTiming = 2;
/// Lets allocations and other threads' calls go on while a stream is captured.
constexpr int captureModeRelaxed = 2;

/// hipDeviceAttributeNumberOfXccs
constexpr int attributeNumberOfXccs = 10018;
/// hipDeviceAttributePciChipId
constexpr int attributePciChipId = 10020;

constexpr size_t propertiesBytes = 1472;
constexpr size_t propertiesName = 0;
constexpr size_t propertiesTotalGlobalMem = 288;
constexpr size_t propertiesSharedMemPerBlock = 296;
constexpr size_t propertiesWarpSize = 308;
constexpr size_t propertiesMultiProcessorCount = 388;
constexpr size_t propertiesGcnArchName = 1160;

/// Marks in the `extra` list of hipModuleLaunchKernel.
inline void* launchParameterBuffer() { return reinterpret_cast<void*>(1); }
inline void* launchParameterSize() { return reinterpret_cast<void*>(2); }
inline void* launchParameterEnd() { return reinterpret_cast<void*>(3); }

}  // namespace hip
