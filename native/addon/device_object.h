#pragma once

#include <memory>

#include "object.h"

namespace addon {

/// An open device.
class DeviceObject : public Object<DeviceObject, std::shared_ptr<Device>> {
 public:
  static constexpr napi_type_tag tag = {0x93fe5a20c6b84d17, 0x8e61f40b29d7ca35};
  static constexpr const char* className = "Device";

  static Napi::Function define(Napi::Env env);
  using Object::Object;
  ~DeviceObject();

 private:
  Napi::Value info(const Napi::CallbackInfo& info);
  Napi::Value lost(const Napi::CallbackInfo& info);
  Napi::Value allocate(const Napi::CallbackInfo& info);
  Napi::Value allocateHost(const Napi::CallbackInfo& info);
  Napi::Value createStream(const Napi::CallbackInfo& info);
  Napi::Value streamFromHandle(const Napi::CallbackInfo& info);
  Napi::Value loadModule(const Napi::CallbackInfo& info);
  Napi::Value memory(const Napi::CallbackInfo& info);
  Napi::Value fence(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
};

/// What JavaScript sees of a device.
Napi::Object infoObject(Napi::Env env, const DeviceInfo& info, int ordinal, bool emulated);

}  // namespace addon
