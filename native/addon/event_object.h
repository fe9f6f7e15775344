#pragma once

#include <memory>

#include "object.h"

namespace addon {

struct EventCore {
  std::shared_ptr<Device> device;
  Event event;
  std::shared_ptr<Capture> capture;  ///< in which it was recorded, or null
};

/// A recorded point of a stream.
class EventObject : public Object<EventObject, EventCore> {
 public:
  static constexpr napi_type_tag tag = {0x61b70e3fd2a84c95, 0xb3c40d9ae15f7722};
  static constexpr const char* className = "Event";

  static Napi::Function define(Napi::Env env);
  using Object::Object;

  /// Throws where the event has been disposed of.
  hipEvent_t event() const;

 private:
  void refuseCaptured() const;
  Napi::Value reached(const Napi::CallbackInfo& info);
  Napi::Value elapsedMs(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);
};

}  // namespace addon
