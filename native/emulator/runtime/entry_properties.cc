#include <cstdio>
#include <cstring>

#include "runtime/entry.h"

namespace emulator {
namespace {

/// hipDeviceAttribute_t, by the numbers of HIP 6 and 7.
enum Attribute : int {
  clockRate = 5,
  cooperativeLaunch = 10,
  maxBlockDimX = 26,
  maxBlockDimY = 27,
  maxBlockDimZ = 28,
  maxGridDimX = 29,
  maxGridDimY = 30,
  maxGridDimZ = 31,
  maxThreadsPerBlock = 56,
  maxThreadsPerMultiProcessor = 57,
  multiprocessorCount = 63,
  maxRegistersPerBlock = 71,
  maxSharedMemoryPerBlock = 74,
  warpSize = 87,
  maxSharedMemoryPerMultiprocessor = 10002,
  numberOfXccs = 10018,
  pciChipId = 10020,
};

bool attributeOf(const Device& device, int attribute, int* value) {
  const auto answer = [&](int number) {
    *value = number;
    return true;
  };
  switch (attribute) {
    case clockRate:
      return answer(2100000);  // kHz
    case cooperativeLaunch:
      return answer(1);
    case maxBlockDimX:
    case maxBlockDimY:
    case maxBlockDimZ:
    case maxThreadsPerBlock:
      return answer(1024);
    case maxGridDimX:
      return answer(0x7fffffff);
    case maxGridDimY:
    case maxGridDimZ:
      return answer(65536);
    case maxThreadsPerMultiProcessor:
      return answer(2048);
    case multiprocessorCount:
      return answer(device.computeUnits);
    case maxRegistersPerBlock:
      return answer(65536);
    case maxSharedMemoryPerBlock:
    case maxSharedMemoryPerMultiprocessor:
      return answer(static_cast<int>(traits(device.target).ldsBytes));
    case warpSize:
      return answer(kLanes);
    case numberOfXccs:
      return answer(device.xcds);
    case pciChipId:
      return answer(device.chipId);
  }
  return false;
}

/// Where a release of HIP keeps the fields of hipDeviceProp_t that describe a device for selection; the
/// others stay zero.
struct PropertiesLayout {
  size_t bytes, totalGlobalMem, sharedMemPerBlock, gcnArchName;
  struct {
    Attribute attribute;
    size_t at;
  } integers[9];
};
constexpr PropertiesLayout kR0600{1472,
                                  288,
                                  296,
                                  1160,
                                  {{maxRegistersPerBlock, 304},
                                   {warpSize, 308},
                                   {maxThreadsPerBlock, 320},
                                   {maxBlockDimX, 324},
                                   {maxGridDimX, 336},
                                   {clockRate, 348},
                                   {multiprocessorCount, 388},
                                   {maxThreadsPerMultiProcessor, 624},
                                   {cooperativeLaunch, 688}}};
constexpr PropertiesLayout kR0000{792,
                                  256,
                                  264,
                                  396,
                                  {{maxRegistersPerBlock, 272},
                                   {warpSize, 276},
                                   {maxThreadsPerBlock, 280},
                                   {maxBlockDimX, 284},
                                   {maxGridDimX, 296},
                                   {clockRate, 308},
                                   {multiprocessorCount, 336},
                                   {maxThreadsPerMultiProcessor, 344},
                                   {cooperativeLaunch, 656}}};

void write(const Device& device, const PropertiesLayout& layout, uint8_t* properties) {
  constexpr size_t kNameBytes = 256;
  std::memset(properties, 0, layout.bytes);
  const char* name = traits(device.target).name;
  std::snprintf(reinterpret_cast<char*>(properties), kNameBytes, "Emulated %s", name);
  std::snprintf(reinterpret_cast<char*>(properties) + layout.gcnArchName, kNameBytes, "%s:sramecc+:xnack-",
                name);
  const uint64_t ldsBytes = traits(device.target).ldsBytes;
  std::memcpy(properties + layout.totalGlobalMem, &device.memoryBytes, 8);
  std::memcpy(properties + layout.sharedMemPerBlock, &ldsBytes, 8);
  for (const auto& [attribute, at] : layout.integers) {
    // Sizes of a block and of a grid are three integers side by side.
    const int axes = attribute == maxBlockDimX || attribute == maxGridDimX ? 3 : 1;
    for (int axis = 0; axis < axes; axis++) {
      int value = 0;
      attributeOf(device, attribute + axis, &value);
      std::memcpy(properties + at + 4 * static_cast<size_t>(axis), &value, 4);
    }
  }
}

hipError_t describe(const char* function, const PropertiesLayout& layout, void* properties, int device) {
  return enter(function, [&] {
    const auto found = Devices::instance().get(device);
    if (!found) return hipErrorInvalidDevice;
    if (!properties) return hipErrorInvalidValue;
    write(*found, layout, static_cast<uint8_t*>(properties));
    return hipSuccess;
  });
}

}  // namespace
}  // namespace emulator

using namespace emulator;

EMULATOR_EXPORT hipError_t hipDeviceGetAttribute(int* value, int attribute, int device) {
  return enter("hipDeviceGetAttribute", [&] {
    const auto found = Devices::instance().get(device);
    if (!found) return hipErrorInvalidDevice;
    return value && attributeOf(*found, attribute, value) ? hipSuccess : hipErrorInvalidValue;
  });
}

EMULATOR_EXPORT hipError_t hipGetDevicePropertiesR0600(void* properties, int device) {
  return describe("hipGetDevicePropertiesR0600", kR0600, properties, device);
}
EMULATOR_EXPORT hipError_t hipGetDevicePropertiesR0000(void* properties, int device) {
  return describe("hipGetDevicePropertiesR0000", kR0000, properties, device);
}
/// The name's first meaning, which programs that were built with HIP 5 have: newer headers define it away.
EMULATOR_EXPORT hipError_t hipGetDeviceProperties(void* properties, int device) {
  return describe("hipGetDeviceProperties", kR0000, properties, device);
}
