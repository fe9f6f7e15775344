#include "memory_object.h"

namespace addon {

Napi::Function MemoryObject::define(Napi::Env env) {
  return DefineClass(env, className,
                     {InstanceAccessor<&MemoryObject::pointer>("pointer"),
                      InstanceMethod<&MemoryObject::dispose>("dispose")});
}

MemoryObject::~MemoryObject() { end(); }

Napi::Value MemoryObject::pointer(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), core_.memory.pointer);
}

void MemoryObject::dispose(const Napi::CallbackInfo&) { end(); }

void MemoryObject::end() {
  if (disposed_ || core_.device == nullptr) return;
  disposed_ = true;
  core_.device->release(core_.memory);
}

}  // namespace addon
