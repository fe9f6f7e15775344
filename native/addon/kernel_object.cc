#include "kernel_object.h"

#include <atomic>

namespace addon {

KernelObject::KernelObject(const Napi::CallbackInfo& info) : Object(info), table_(environment_.kernels) {
  static std::atomic<uint32_t> kernels{0};
  number_ = ++kernels;
  table_->emplace(number_, &core_);
}

KernelObject::~KernelObject() { table_->erase(number_); }

Napi::Function KernelObject::define(Napi::Env env) {
  return DefineClass(env, className,
                     {InstanceAccessor<&KernelObject::number>("number"),
                      InstanceMethod<&KernelObject::maxActiveBlocks>("maxActiveBlocks")});
}

Napi::Value KernelObject::number(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), number_);
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
