#include "environment.h"

#include <algorithm>

namespace addon {

Environment::Environment(Napi::Env env) : completions(std::make_shared<Completions>(env)) {}

void Environment::add(const std::shared_ptr<Device>& device) {
  const auto gone = [](const std::weak_ptr<Device>& device) { return device.expired(); };
  devices.erase(std::remove_if(devices.begin(), devices.end(), gone), devices.end());
  devices.push_back(device);
}

void Environment::close() {
  completions->stopPolling();
  for (const auto& reference : devices) {
    if (const auto device = reference.lock()) device->abandon(!mainThread);
  }
  completions->stop();
}

napi_value errorValue(napi_env env, const Failure& failure) {
  napi_value errorClass, details, error;
  const auto text = [env](const std::string& words) {
    napi_value value = nullptr;
    napi_create_string_utf8(env, words.data(), words.size(), &value);
    return value;
  };
  Environment* environment = Napi::Env(env).GetInstanceData<Environment>();
  if (environment == nullptr || environment->errorClass.IsEmpty()) return nullptr;
  if (napi_get_reference_value(env, environment->errorClass, &errorClass) != napi_ok) return nullptr;
  if (napi_create_object(env, &details) != napi_ok) return nullptr;
  if (!failure.hipError.empty()) napi_set_named_property(env, details, "hipError", text(failure.hipError));
  if (!failure.call.empty()) napi_set_named_property(env, details, "call", text(failure.call));
  napi_value arguments[] = {text(failure.code), text(failure.message), details};
  if (napi_new_instance(env, errorClass, 3, arguments, &error) != napi_ok) return nullptr;
  return error;
}

Deferred::Deferred(napi_env env) {
  if (napi_create_promise(env, &deferred, &promise) != napi_ok) {
    throw Failure("ERR_ADDON", "no Promise could be made: the thread is ending");
  }
}

void Deferred::settle(napi_env env, const Failure* failure) const {
  if (failure == nullptr) {
    napi_value undefined = nullptr;
    napi_get_undefined(env, &undefined);
    napi_resolve_deferred(env, deferred, undefined);
  } else if (napi_value error = errorValue(env, *failure)) {
    napi_reject_deferred(env, deferred, error);
  }
}

}  // namespace addon
