#include <algorithm>
#include <cstring>
#include <functional>
#include <system_error>
#include <thread>
#include <vector>

#include "counting/count_workgroup.h"
#include "counting/launch_counters.h"
#include "runtime/module.h"
#include "runtime/worker_pool.h"

namespace emulator {
namespace {

/// Packs a launch's arguments into a kernarg segment of the kernel's size.
Status packKernarg(const KernelDescriptor& kernel, void** parameters, void** extra,
                   std::vector<uint8_t>* out) {
  out->assign(kernel.kernargBytes, 0);
  if (parameters && extra) return hipErrorInvalidValue;
  if (parameters) {
    size_t index = 0;
    for (const KernelArgument& argument : kernel.arguments) {
      if (argument.kind.rfind("hidden_", 0) == 0) continue;
      if (uint64_t{argument.offset} + argument.bytes > kernel.kernargBytes) return hipErrorInvalidImage;
      std::memcpy(out->data() + argument.offset, parameters[index++], argument.bytes);
    }
    return hipSuccess;
  }
  const uint8_t* buffer = nullptr;
  size_t bytes = 0;
  for (void** entry = extra; entry && *entry != reinterpret_cast<void*>(3);
       entry += 2) {                             // HIP_LAUNCH_PARAM_END
    if (*entry == reinterpret_cast<void*>(1)) {  // ..._BUFFER_POINTER
      buffer = static_cast<const uint8_t*>(entry[1]);
    } else if (*entry == reinterpret_cast<void*>(2)) {  // ..._BUFFER_SIZE
      bytes = *static_cast<const size_t*>(entry[1]);
    } else {
      return hipErrorInvalidValue;
    }
  }
  if (bytes && !buffer) return hipErrorInvalidValue;
  // Buffers may be padded beyond what the kernel reads; what is missing reads as zero.
  if (bytes) std::memcpy(out->data(), buffer, std::min<size_t>(bytes, out->size()));
  return hipSuccess;
}

Status checkGeometry(const LoadedKernel& kernel, const Geometry& shape) {
  for (int axis = 0; axis < 3; axis++) {
    if (!shape.grid[axis] || !shape.block[axis] || shape.block[axis] > 1024)
      return hipErrorInvalidConfiguration;
    if (uint64_t{shape.grid[axis]} * shape.block[axis] > 0xffffffff) return hipErrorInvalidConfiguration;
  }
  if (uint64_t{shape.block[0]} * shape.block[1] * shape.block[2] > kernel.descriptor->maxBlockSize) {
    return hipErrorInvalidConfiguration;
  }
  const uint64_t ldsBytes = uint64_t{kernel.descriptor->ldsBytes} + shape.dynamicLdsBytes;
  if (ldsBytes > traits(kernel.target).ldsBytes) return hipErrorInvalidValue;
  if (uint64_t{kernel.descriptor->kernargBytes} + kPacketBytes > Stream::kKernargBytes)
    return hipErrorInvalidValue;
  return hipSuccess;
}

/// A launch as its caller asks for it.
struct Request {
  Geometry geometry;
  bool cooperative;  ///< workgroups may wait for each other
};

/// The workgroups of a launch that are run: all, or one of each of `most` equal ranges of them (0: all).
class Sample {
 public:
  Sample(uint64_t workgroups, uint64_t most)
      : workgroups_(workgroups), size_(most ? std::min(most, workgroups) : workgroups) {}

  uint64_t size() const { return size_; }
  /// The places in the ranges follow no rule, lest they fall in step with a dimension of the grid.
  uint64_t workgroup(uint64_t index) const {
    const uint64_t first = index * workgroups_ / size_, end = (index + 1) * workgroups_ / size_;
    uint64_t random = (index + 1) * 0x9e3779b97f4a7c15;
    random = (random ^ random >> 32) * 0xd6e8feb86659fd93;
    const uint64_t fraction = random >> 32;  // of 2^32
    return first + (fraction * (end - first) >> 32);
  }

 private:
  const uint64_t workgroups_, size_;
};

/// Runs all workgroups at the same time, each on a thread of its own. False where the host lacks the threads.
bool runTogether(Launch& launch, const std::function<void(uint64_t)>& run) {
  std::vector<std::thread> threads;
  bool enough = true;
  try {
    for (uint64_t number = 0; number < launch.geometry.workgroups(); number++) {
      threads.emplace_back([&run, number] {
        lowerThreadPriority();
        run(number);
      });
    }
  } catch (const std::system_error&) {
    launch.stop = true;  // those that run may wait for those that never will
    enough = false;
  }
  for (std::thread& thread : threads) thread.join();
  return enough;
}

/// Runs a launch on the stream's thread and the pool's.
void execute(Stream& stream, const Function& function, const Request& request, const Options& options,
             const std::vector<uint8_t>& kernarg) {
  const Geometry& geometry = request.geometry;
  Device& device = stream.device();
  if (device.status() != hipSuccess || device.cancelled()) return;
  Launch launch;
  launch.kernel = function.kernel;
  launch.geometry = geometry;
  launch.options = options;
  launch.kernargAddress = stream.kernargAddress();
  launch.packetAddress = launch.kernargAddress + Stream::kKernargBytes - kPacketBytes;
  auto* segment = reinterpret_cast<uint8_t*>(launch.kernargAddress);
  std::copy(kernarg.begin(), kernarg.end(), segment);
  writeHiddenArguments(*function.kernel.descriptor, geometry, segment);
  writeDispatchPacket(*function.kernel.descriptor, geometry, launch.kernargAddress,
                      reinterpret_cast<uint8_t*>(launch.packetAddress));
  launch.xcds = static_cast<uint32_t>(device.xcds);
  launch.memory = AddressSpace::instance().map();
  launch.cancelled = &device.cancelled();
  if (options.counters != Counting::off) {
    launch.tallies = std::make_unique<Tallies>(function.kernel.program->codeDwords(),
                                               options.counters == Counting::full ? &kFullCounting : nullptr);
  }
  const auto run = [&](uint64_t number) {
    if (launch.stop || device.cancelled()) return;
    try {
      runWorkgroup(launch, number);
    } catch (const std::bad_alloc&) {
      launch.stop = true;
      device.fail(hipErrorOutOfMemory, "the host has no memory left for the emulator");
    }
  };
  if (!request.cooperative) {
    const Sample sample(geometry.workgroups(), options.sample);
    WorkerPool::instance().forEach(sample.size(), options.threads,
                                   [&](uint64_t index) { run(sample.workgroup(index)); });
  } else if (!runTogether(launch, run)) {
    device.fail(hipErrorOutOfMemory, "the host has no threads left for a cooperative launch");
  }
  if (!launch.fault) {
    if (launch.tallies && !device.cancelled()) device.keepCounters(countersText(launch));
    return;
  }
  const bool memory =
      launch.fault->kind == FaultKind::illegalAddress || launch.fault->kind == FaultKind::ldsOutOfRange;
  device.fail(memory ? hipErrorIllegalAddress : hipErrorLaunchFailure, describe(launch));
}

/// Whether the device holds all workgroups at once.
bool fitsAtOnce(const LoadedKernel& kernel, const Geometry& geometry, const Device& device) {
  const uint32_t perUnit =
      workgroupsPerComputeUnit(*kernel.descriptor, kernel.target, geometry.blockSize(),
                               uint64_t{kernel.descriptor->ldsBytes} + geometry.dynamicLdsBytes);
  return geometry.workgroups() <= uint64_t{perUnit} * static_cast<uint64_t>(device.computeUnits);
}

Status enqueue(hipFunction_t handle, const Request& request, hipStream_t streamHandle, void** parameters,
               void** extra) {
  Status status;
  const auto stream = streamOf(streamHandle, &status);
  if (!stream) return status;
  const auto function = table<Functions>().get(handle);
  if (!function || function->module->device.get() != &stream->device()) return hipErrorInvalidHandle;
  status = checkGeometry(function->kernel, request.geometry);
  if (status != hipSuccess) return status;
  if (request.cooperative && !fitsAtOnce(function->kernel, request.geometry, stream->device()))
    return hipErrorCooperativeLaunchTooLarge;
  std::vector<uint8_t> kernarg;
  status = packKernarg(*function->kernel.descriptor, parameters, extra, &kernarg);
  if (status != hipSuccess) return status;
  stream->submit([function, request, options = currentOptions(), kernarg = std::move(kernarg)](Stream& on) {
    execute(on, *function, request, options, kernarg);
  });
  return hipSuccess;
}

/// hipLaunchAttribute: an identifier and 64 bytes for its value.
struct LaunchAttribute {
  int id, padding;
  int value[16];
};
enum LaunchAttributeId : int { cooperativeAttribute = 2, clusterAttribute = 4 };

/// HIP_LAUNCH_CONFIG.
struct LaunchConfig {
  unsigned grid[3], block[3], ldsBytes;
  hipStream_t stream;
  const LaunchAttribute* attributes;
  unsigned attributeCount;
};

}  // namespace
}  // namespace emulator

using namespace emulator;

EMULATOR_EXPORT hipError_t hipModuleLaunchKernel(hipFunction_t function, unsigned gridX, unsigned gridY,
                                                 unsigned gridZ, unsigned blockX, unsigned blockY,
                                                 unsigned blockZ, unsigned ldsBytes, hipStream_t stream,
                                                 void** parameters, void** extra) {
  return enter("hipModuleLaunchKernel", [&] {
    const Geometry geometry{{gridX, gridY, gridZ}, {blockX, blockY, blockZ}, ldsBytes};
    return enqueue(function, {geometry, false}, stream, parameters, extra);
  });
}

EMULATOR_EXPORT hipError_t hipModuleLaunchCooperativeKernel(hipFunction_t function, unsigned gridX,
                                                            unsigned gridY, unsigned gridZ, unsigned blockX,
                                                            unsigned blockY, unsigned blockZ,
                                                            unsigned ldsBytes, hipStream_t stream,
                                                            void** parameters) {
  return enter("hipModuleLaunchCooperativeKernel", [&] {
    const Geometry geometry{{gridX, gridY, gridZ}, {blockX, blockY, blockZ}, ldsBytes};
    return enqueue(function, {geometry, true}, stream, parameters, nullptr);
  });
}

EMULATOR_EXPORT hipError_t hipDrvLaunchKernelEx(const void* launchConfig, hipFunction_t function,
                                                void** parameters, void** extra) {
  return enter("hipDrvLaunchKernelEx", [&] {
    const auto* config = static_cast<const LaunchConfig*>(launchConfig);
    if (!config || (config->attributeCount && !config->attributes)) return hipErrorInvalidValue;
    Request request{{{config->grid[0], config->grid[1], config->grid[2]},
                     {config->block[0], config->block[1], config->block[2]},
                     config->ldsBytes},
                    false};
    for (unsigned i = 0; i < config->attributeCount; i++) {
      const LaunchAttribute& attribute = config->attributes[i];
      if (attribute.id == cooperativeAttribute) {
        request.cooperative = attribute.value[0] != 0;
      } else if (attribute.id == clusterAttribute) {
        // Clusters of workgroups came after these targets.
        for (int axis = 0; axis < 3; axis++) {
          if (attribute.value[axis] > 1) return hipErrorNotSupported;
        }
      } else {
        return hipErrorNotSupported;
      }
    }
    return enqueue(function, request, config->stream, parameters, extra);
  });
}

EMULATOR_EXPORT hipError_t hipModuleOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks,
                                                                              hipFunction_t handle,
                                                                              int blockSize,
                                                                              size_t ldsBytes) {
  return enter("hipModuleOccupancyMaxActiveBlocksPerMultiprocessor", [&] {
    const auto function = table<Functions>().get(handle);
    if (!function) return hipErrorInvalidHandle;
    if (!blocks || blockSize <= 0 || blockSize > 1024) return hipErrorInvalidValue;
    const KernelDescriptor& kernel = *function->kernel.descriptor;
    *blocks = static_cast<int>(workgroupsPerComputeUnit(
        kernel, function->kernel.target, static_cast<uint32_t>(blockSize), kernel.ldsBytes + ldsBytes));
    return hipSuccess;
  });
}
