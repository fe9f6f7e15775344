#pragma once

#include <memory>

#include "object.h"

namespace addon {

struct MemoryCore {
  std::shared_ptr<Device> device;
  Device::Memory memory;
};

/// Memory that a tensor or a host cache owns.
class MemoryObject : public Object<MemoryObject, MemoryCore> {
 public:
  static constexpr napi_type_tag tag = {0x2c1f0a7be94d4b11, 0x9a5d3e62c8f7d041};
  static constexpr const char* className = "Memory";

  static Napi::Function define(Napi::Env env);
  using Object::Object;
  ~MemoryObject();

 private:
  Napi::Value pointer(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);
  void end();

  bool disposed_ = false;
};

}  // namespace addon
