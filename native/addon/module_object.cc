#include "module_object.h"

#include "kernel_object.h"

namespace addon {

Napi::Function ModuleObject::define(Napi::Env env) {
  return DefineClass(
      env, className,
      {InstanceMethod<&ModuleObject::kernel>("kernel"), InstanceMethod<&ModuleObject::dispose>("dispose")});
}

ModuleObject::~ModuleObject() { end(); }

Napi::Value ModuleObject::kernel(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (core_->disposed) throw Failure("ERR_DISPOSED", "the module was used after its dispose()");
    Device& device = *core_->device;
    device.enter();
    const std::string symbol = info[0].As<Napi::String>();
    hipFunction_t function = nullptr;
    device.check(device.hip().hipModuleGetFunction(&function, core_->handle, symbol.c_str()),
                 "hipModuleGetFunction");
    const size_t kernargBytes = integer(info[1], 1 << 20);
    return KernelObject::make(info.Env(), environment_.kernel,
                              {core_, function, std::vector<uint8_t>(kernargBytes)});
  });
}

void ModuleObject::dispose(const Napi::CallbackInfo&) { end(); }

void ModuleObject::end() {
  if (core_ == nullptr || core_->disposed) return;
  core_->disposed = true;
  core_->device->freeLater(core_->resource);
}

}  // namespace addon
