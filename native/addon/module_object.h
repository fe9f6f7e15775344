#pragma once

#include <memory>

#include "object.h"

namespace addon {

/// A loaded code object, held by its kernels too.
struct Module {
  std::shared_ptr<Device> device;
  hipModule_t handle;
  Device::Resource resource;
  bool disposed = false;
};

class ModuleObject : public Object<ModuleObject, std::shared_ptr<Module>> {
 public:
  static constexpr napi_type_tag tag = {0x0d86f2c3417e4a60, 0x8f1b5ce92d7340aa};
  static constexpr const char* className = "Module";

  static Napi::Function define(Napi::Env env);
  using Object::Object;
  ~ModuleObject();

 private:
  Napi::Value kernel(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);
  void end();
};

}  // namespace addon
