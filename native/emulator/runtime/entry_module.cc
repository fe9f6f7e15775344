#include <algorithm>

#include "runtime/module.h"

namespace emulator {
namespace {

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

Status loadOnCurrentDevice(hipModule_t* module, const void* image) {
  Status status;
  const auto device = currentDevice(&status);
  if (!device) return status;
  if (!module || !image) return hipErrorInvalidValue;
  std::shared_ptr<Module> loaded;
  status = load(image, device, &loaded);
  if (status == hipSuccess) *module = table<Modules>().add(std::move(loaded));
  return status;
}

/// hipFunction_attribute.
enum FunctionAttribute : int {
  maxThreadsPerBlock = 0,
  sharedSizeBytes = 1,
  constSizeBytes = 2,
  localSizeBytes = 3,
  registers = 4,
  maxDynamicSharedSizeBytes = 8,
};

bool attributeOf(const LoadedKernel& kernel, int attribute, int* value) {
  const KernelDescriptor& descriptor = *kernel.descriptor;
  const auto answer = [&](uint32_t number) {
    *value = static_cast<int>(number);
    return true;
  };
  switch (attribute) {
    case maxThreadsPerBlock:
      return answer(descriptor.maxBlockSize);
    case sharedSizeBytes:
      return answer(descriptor.ldsBytes);
    case constSizeBytes:
      return answer(0);
    case localSizeBytes:
      return answer(descriptor.scratchBytes);
    case registers:
      return answer(descriptor.vectorRegisters);
    case maxDynamicSharedSizeBytes:
      return answer(traits(kernel.target).ldsBytes - descriptor.ldsBytes);
  }
  return false;
}

}  // namespace
}  // namespace emulator

using namespace emulator;

EMULATOR_EXPORT hipError_t hipModuleLoadData(hipModule_t* module, const void* image) {
  return enter("hipModuleLoadData", [&] { return loadOnCurrentDevice(module, image); });
}

/// The options are those of a compiler that a code object does not need.
EMULATOR_EXPORT hipError_t hipModuleLoadDataEx(hipModule_t* module, const void* image, unsigned, int*,
                                               void**) {
  return enter("hipModuleLoadDataEx", [&] { return loadOnCurrentDevice(module, image); });
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

EMULATOR_EXPORT hipError_t hipFuncGetAttribute(int* value, int attribute, hipFunction_t handle) {
  return enter("hipFuncGetAttribute", [&] {
    const auto function = table<Functions>().get(handle);
    if (!function) return hipErrorInvalidHandle;
    return value && attributeOf(function->kernel, attribute, value) ? hipSuccess : hipErrorInvalidValue;
  });
}
