#include "graph_object.h"

#include "stream_object.h"

namespace addon {

Napi::Function GraphObject::define(Napi::Env env) {
  return DefineClass(
      env, className,
      {InstanceMethod<&GraphObject::launch>("launch"), InstanceMethod<&GraphObject::dispose>("dispose")});
}

GraphObject::~GraphObject() { end(); }

void GraphObject::launch(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    StreamObject& stream = StreamObject::from(info[0]);
    if (disposed_) throw Failure("ERR_DISPOSED", "the graph was used after its dispose()");
    const hipStream_t queue = stream.enter(*core_.device);
    core_.device->check(core_.device->hip().hipGraphLaunch(core_.exec, queue), "hipGraphLaunch");
  });
}

void GraphObject::dispose(const Napi::CallbackInfo&) { end(); }

void GraphObject::end() {
  if (disposed_ || core_.device == nullptr) return;
  disposed_ = true;
  core_.device->freeLater(core_.resource);
}

}  // namespace addon
