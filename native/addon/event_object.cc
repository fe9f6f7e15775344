#include "event_object.h"

namespace addon {

Napi::Function EventObject::define(Napi::Env env) {
  return DefineClass(
      env, className,
      {InstanceMethod<&EventObject::reached>("reached"), InstanceMethod<&EventObject::elapsedMs>("elapsedMs"),
       InstanceMethod<&EventObject::dispose>("dispose")});
}

hipEvent_t EventObject::event() const {
  if (core_.event == nullptr) throw Failure("ERR_DISPOSED", "the event was used after its dispose()");
  return core_.event.get();
}

void EventObject::refuseCaptured() const {
  if (core_.capture == nullptr) return;
  throw Failure("ERR_INVALID_ARGUMENT",
                "the event was recorded while its stream was captured: it orders what was captured, and "
                "happens at no time of its own");
}

Napi::Value EventObject::reached(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    event();
    refuseCaptured();
    core_.device->enter();
    const Deferred deferred(info.Env());
    Pending pending;
    pending.device = core_.device;
    pending.fence = std::make_shared<Fence>();
    pending.fence->add(core_.event);
    pending.settle = [deferred](napi_env env, const Failure* failure) { deferred.settle(env, failure); };
    core_.device->add(std::move(pending));
    return {info.Env(), deferred.promise};
  });
}

Napi::Value EventObject::elapsedMs(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const EventObject& since = from(info[0]);
    refuseCaptured();
    since.refuseCaptured();
    core_.device->enter();
    float milliseconds = 0;
    core_.device->check(core_.device->hip().hipEventElapsedTime(&milliseconds, since.event(), event()),
                        "hipEventElapsedTime");
    return Napi::Number::New(info.Env(), milliseconds);
  });
}

void EventObject::dispose(const Napi::CallbackInfo&) { core_.event.reset(); }

}  // namespace addon
