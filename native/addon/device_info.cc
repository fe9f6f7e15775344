#include <cstring>

#include "../hip/constants.h"
#include "device.h"

namespace addon {
namespace {

template <typename T>
T at(const uint8_t* properties, size_t offset) {
  T value;
  std::memcpy(&value, properties + offset, sizeof(value));
  return value;
}

std::string text(const uint8_t* properties, size_t offset) {
  const char* start = reinterpret_cast<const char*>(properties + offset);
  return {start, strnlen(start, 256)};
}

/// An attribute; 0 of releases that do not know it.
int attributeOf(const hip::Runtime& runtime, int attribute, int ordinal) {
  int value = 0;
  if (runtime.functions.hipDeviceGetAttribute(&value, attribute, ordinal) == hip::success) return value;
  runtime.functions.hipGetLastError();
  return 0;
}

}  // namespace

DeviceInfo readDeviceInfo(const hip::Runtime& runtime, int ordinal) {
  // Twice what HIP 6 and 7 write, should a later one write more.
  std::vector<uint8_t> properties(2 * hip::propertiesBytes);
  const hipError_t state = runtime.functions.hipGetDevicePropertiesR0600(properties.data(), ordinal);
  if (state != hip::success) {
    const std::string name = runtime.functions.hipGetErrorName(state);
    throw Failure("ERR_HIP",
                  "hipGetDevicePropertiesR0600 failed for device " + std::to_string(ordinal) + ": " + name,
                  name, "hipGetDevicePropertiesR0600");
  }
  const uint8_t* data = properties.data();
  DeviceInfo info;
  info.name = text(data, hip::propertiesName);
  info.gcnArchName = text(data, hip::propertiesGcnArchName);
  info.computeUnits = at<int>(data, hip::propertiesMultiProcessorCount);
  info.xcds = attributeOf(runtime, hip::attributeNumberOfXccs, ordinal);
  info.chipId = attributeOf(runtime, hip::attributePciChipId, ordinal);
  info.waveSize = at<int>(data, hip::propertiesWarpSize);
  info.totalMemory = at<size_t>(data, hip::propertiesTotalGlobalMem);
  info.ldsBytes = at<size_t>(data, hip::propertiesSharedMemPerBlock);
  return info;
}

}  // namespace addon
