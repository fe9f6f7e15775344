#include "kernel_object.h"

namespace addon {

Napi::Function KernelObject::define(Napi::Env env) {
  return DefineClass(env, className, {InstanceMethod<&KernelObject::maxActiveBlocks>("maxActiveBlocks")});
}

Napi::Value KernelObject::maxActiveBlocks(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (core_.module->disposed)
      throw Failure("ERR_DISPOSED", "the kernel was used after its module's dispose()");
    Device& device = *core_.module->device;
    device.enter();
    int blocks = 0;
    device.check(device.hip().hipModuleOccupancyMaxActiveBlocksPerMultiprocessor(
                     &blocks, core_.function, integer(info[0], 1024), integer(info[1], 1 << 20)),
                 "hipModuleOccupancyMaxActiveBlocksPerMultiprocessor");
    return Napi::Number::New(info.Env(), blocks);
  });
}

}  // namespace addon
