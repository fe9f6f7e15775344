#include <algorithm>
#include <cstring>

#include "counting/count_access.h"
#include "counting/launch_counters.h"
#include "isa/program.h"
#include "launch/launch.h"
#include "runtime/entry.h"
#include "runtime/worker_pool.h"

namespace emulator {
namespace {

/// A code object on a device: its image in executable memory and its decoded form.
struct Module {
  std::shared_ptr<Device> device;
  CodeObject object;
  uint64_t base = 0;
  std::unique_ptr<Program> program;

  ~Module() {
    if (base) AddressSpace::instance().release(base, device->ordinal);
  }
};

struct Function {
  std::shared_ptr<Module> module;
  LoadedKernel kernel;
};

using Modules = HandleTable<hipModule_t, Module>;
using Functions = HandleTable<hipFunction_t, Function>;

Status load(const void* image, const std::shared_ptr<Device>& device, std::shared_ptr<Module>* out) {
  const auto* bytes = static_cast<const uint8_t*>(image);
  auto module = std::make_shared<Module>();
  switch (CodeObject::read(bytes, CodeObject::spannedBytes(bytes), &module->object)) {
    case CodeObject::Error::none:
      break;
    case CodeObject::Error::notElf:
    case CodeObject::Error::notAmdgpu:
      return hipErrorInvalidKernelFile;
    case CodeObject::Error::unknownTarget:
      return hipErrorNoBinaryForGpu;
    case CodeObject::Error::damaged:
      return hipErrorInvalidImage;
  }
  if (module->object.target() != device->target) return hipErrorNoBinaryForGpu;
  module->device = device;
  module->base =
      AddressSpace::instance().allocate(module->object.imageBytes(), MemoryKind::code, device->ordinal);
  if (!module->base) return hipErrorOutOfMemory;
  module->object.load(reinterpret_cast<uint8_t*>(module->base));
  module->program = std::make_unique<Program>(module->base + module->object.codeBegin(),
                                              (module->object.codeEnd() - module->object.codeBegin()) / 4);
  *out = std::move(module);
  return hipSuccess;
}

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

/// Runs a launch on the stream's thread and the pool's.
void execute(Stream& stream, const Function& function, const Geometry& geometry, const Options& options,
             const std::vector<uint8_t>& kernarg) {
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
  launch.memory = AddressSpace::instance().map();
  launch.cancelled = &device.cancelled();
  if (options.counters != Counting::off) {
    launch.tallies = std::make_unique<Tallies>(function.kernel.program->codeDwords(),
                                               options.counters == Counting::full ? countAccess : nullptr);
  }
  WorkerPool::instance().forEach(geometry.workgroups(), options.threads, [&](uint64_t number) {
    if (launch.stop || device.cancelled()) return;
    try {
      runWorkgroup(launch, number);
    } catch (const std::bad_alloc&) {
      launch.stop = true;
      device.fail(hipErrorOutOfMemory, "the host has no memory left for the emulator");
    }
  });
  if (!launch.fault) {
    if (launch.tallies && !device.cancelled()) device.keepCounters(countersText(launch));
    return;
  }
  const bool memory =
      launch.fault->kind == FaultKind::illegalAddress || launch.fault->kind == FaultKind::ldsOutOfRange;
  device.fail(memory ? hipErrorIllegalAddress : hipErrorLaunchFailure, describe(launch));
}

}  // namespace
}  // namespace emulator

using namespace emulator;

EMULATOR_EXPORT hipError_t hipModuleLoadData(hipModule_t* module, const void* image) {
  return enter("hipModuleLoadData", [&] {
    Status status;
    const auto device = currentDevice(&status);
    if (!device) return status;
    if (!module || !image) return hipErrorInvalidValue;
    std::shared_ptr<Module> loaded;
    status = load(image, device, &loaded);
    if (status == hipSuccess) *module = table<Modules>().add(std::move(loaded));
    return status;
  });
}

EMULATOR_EXPORT hipError_t hipModuleUnload(hipModule_t handle) {
  return enter("hipModuleUnload", [&] {
    const auto module = table<Modules>().remove(handle);
    if (!module) return hipErrorInvalidHandle;
    table<Functions>().removeIf([&](const Function& function) { return function.module == module; });
    return hipSuccess;  // launches in flight hold the module
  });
}

EMULATOR_EXPORT hipError_t hipModuleGetFunction(hipFunction_t* function, hipModule_t handle,
                                                const char* name) {
  return enter("hipModuleGetFunction", [&] {
    const auto module = table<Modules>().get(handle);
    if (!module) return hipErrorInvalidHandle;
    if (!function || !name) return hipErrorInvalidValue;
    const auto row = module->object.kernels().find(name);
    if (row == module->object.kernels().end()) return hipErrorNotFound;
    auto made = std::make_shared<Function>();
    made->module = module;
    made->kernel = {&row->second, module->program.get(), module->object.target(),
                    module->base + row->second.entry};
    *function = table<Functions>().add(std::move(made));
    return hipSuccess;
  });
}

EMULATOR_EXPORT hipError_t hipModuleLaunchKernel(hipFunction_t handle, unsigned gridX, unsigned gridY,
                                                 unsigned gridZ, unsigned blockX, unsigned blockY,
                                                 unsigned blockZ, unsigned ldsBytes, hipStream_t streamHandle,
                                                 void** parameters, void** extra) {
  return enter("hipModuleLaunchKernel", [&] {
    Status status;
    const auto stream = streamOf(streamHandle, &status);
    if (!stream) return status;
    const auto function = table<Functions>().get(handle);
    if (!function || function->module->device.get() != &stream->device()) return hipErrorInvalidHandle;
    const Geometry geometry{{gridX, gridY, gridZ}, {blockX, blockY, blockZ}, ldsBytes};
    status = checkGeometry(function->kernel, geometry);
    if (status != hipSuccess) return status;
    std::vector<uint8_t> kernarg;
    status = packKernarg(*function->kernel.descriptor, parameters, extra, &kernarg);
    if (status != hipSuccess) return status;
    stream->submit([function, geometry, options = currentOptions(), kernarg = std::move(kernarg)](
                       Stream& on) { execute(on, *function, geometry, options, kernarg); });
    return hipSuccess;
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
