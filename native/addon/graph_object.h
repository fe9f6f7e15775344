#pragma once

#include <memory>

#include "object.h"

namespace addon {

struct GraphCore {
  std::shared_ptr<Device> device;
  hipGraphExec_t exec;
  Device::Resource resource;
};

/// Captured work, ready to be enqueued again.
class GraphObject : public Object<GraphObject, GraphCore> {
 public:
  static constexpr napi_type_tag tag = {0xe90c7b5512fd4d83, 0x95ab20e6f4781c3d};
  static constexpr const char* className = "Graph";

  static Napi::Function define(Napi::Env env);
  using Object::Object;
  ~GraphObject();

 private:
  void launch(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);
  void end();

  bool disposed_ = false;
};

}  // namespace addon
