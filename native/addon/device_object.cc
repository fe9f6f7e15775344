#include "device_object.h"

#include "memory_object.h"
#include "module_object.h"
#include "stream_object.h"

namespace addon {

Napi::Function DeviceObject::define(Napi::Env env) {
  return DefineClass(
      env, className,
      {InstanceAccessor<&DeviceObject::info>("info"), InstanceAccessor<&DeviceObject::lost>("lost"),
       InstanceMethod<&DeviceObject::allocate>("allocate"),
       InstanceMethod<&DeviceObject::allocateHost>("allocateHost"),
       InstanceMethod<&DeviceObject::createStream>("createStream"),
       InstanceMethod<&DeviceObject::streamFromHandle>("streamFromHandle"),
       InstanceMethod<&DeviceObject::loadModule>("loadModule"),
       InstanceMethod<&DeviceObject::memory>("memory"), InstanceMethod<&DeviceObject::fence>("fence"),
       InstanceMethod<&DeviceObject::close>("close")});
}

DeviceObject::~DeviceObject() {
  if (core_ != nullptr && !core_->closed()) core_->close(nullptr);
}

Napi::Object infoObject(Napi::Env env, const DeviceInfo& info, int ordinal, bool emulated) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("ordinal", ordinal);
  object.Set("name", info.name);
  object.Set("gcnArchName", info.gcnArchName);
  object.Set("computeUnits", info.computeUnits);
  object.Set("xcds", info.xcds);
  object.Set("chipId", info.chipId);
  object.Set("totalMemory", static_cast<double>(info.totalMemory));
  object.Set("waveSize", info.waveSize);
  object.Set("ldsBytes", static_cast<double>(info.ldsBytes));
  object.Set("emulated", emulated);
  return object;
}

Napi::Value DeviceObject::info(const Napi::CallbackInfo& info) {
  return infoObject(info.Env(), core_->info(), core_->ordinal(), core_->emulated());
}

Napi::Value DeviceObject::lost(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), core_->lost());
}

Napi::Value DeviceObject::allocate(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const uint64_t bytes = integer(info[0], maxBytes);
    const uint32_t category = integer(info[1], Device::categories - 1);
    return MemoryObject::make(info.Env(), environment_.memory, {core_, core_->allocate(bytes, category)});
  });
}

Napi::Value DeviceObject::allocateHost(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const uint64_t bytes = integer(info[0], maxBytes);
    return MemoryObject::make(info.Env(), environment_.memory, {core_, core_->allocateHost(bytes)});
  });
}

Napi::Value DeviceObject::createStream(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return StreamObject::make(info.Env(), environment_.stream, {core_, core_->createStream()});
  });
}

Napi::Value DeviceObject::streamFromHandle(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto handle = reinterpret_cast<hipStream_t>(address(info[0]));
    return StreamObject::make(info.Env(), environment_.stream, {core_, core_->adoptStream(handle)});
  });
}

Napi::Value DeviceObject::loadModule(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto bytes = info[0].As<Napi::Uint8Array>();
    core_->enter();
    hipModule_t handle = nullptr;
    core_->check(core_->hip().hipModuleLoadData(&handle, bytes.Data()), "hipModuleLoadData");
    const hip::Functions& hip = core_->hip();
    const Device::Resource resource = core_->own([&hip, handle] { hip.hipModuleUnload(handle); });
    auto module = std::make_shared<Module>(Module{core_, handle, resource, false});
    return ModuleObject::make(info.Env(), environment_.module, std::move(module));
  });
}

Napi::Value DeviceObject::memory(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Device::MemoryCounters now = core_->memory();
    Napi::Array counters = Napi::Array::New(info.Env());
    uint32_t index = 0;
    for (uint64_t bytes :
         {now.free, now.total, now.reserved, now.allocated, now.peak, now.staging, now.host}) {
      counters.Set(index++, static_cast<double>(bytes));
    }
    for (uint64_t bytes : now.byCategory) counters.Set(index++, static_cast<double>(bytes));
    return counters;
  });
}

Napi::Value DeviceObject::fence(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Deferred deferred(info.Env());
    core_->afterWork(nullptr,
                     [deferred](napi_env env, const Failure* failure) { deferred.settle(env, failure); });
    return {info.Env(), deferred.promise};
  });
}

Napi::Value DeviceObject::close(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Deferred deferred(info.Env());
    core_->close([deferred](napi_env env, const Failure* failure) { deferred.settle(env, failure); });
    return {info.Env(), deferred.promise};
  });
}

}  // namespace addon
