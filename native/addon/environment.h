#pragma once

#include <napi.h>

#include <memory>
#include <unordered_map>
#include <vector>

#include "completions.h"
#include "device.h"
#include "failure.h"

namespace addon {

/// The kernels of an environment, by the numbers that lists of launches have for them.
using KernelTable = std::unordered_map<uint32_t, struct KernelCore*>;

/// The addon's state in one environment (the main thread, or a worker).
struct Environment {
  explicit Environment(Napi::Env env);

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  void add(const std::shared_ptr<Device>& device);

  /// Ends everything that this environment has open. Its objects outlive this and do nothing any more.
  void close();

  Napi::FunctionReference errorClass;
  /// Whether the process ends with this environment and so frees everything by itself.
  bool mainThread = false;

  Napi::FunctionReference device, memory, stream, event, module, kernel, graph;

  /// Shared with the kernels, which may outlive the environment.
  std::shared_ptr<KernelTable> kernels = std::make_shared<KernelTable>();
  std::shared_ptr<Completions> completions;
  std::vector<std::weak_ptr<Device>> devices;
};

/// The JavaScript error for a failure. Never throws; where the environment is ending it may be empty.
napi_value errorValue(napi_env env, const Failure& failure);

/// A Promise and the way to settle it as a Completions settlement.
struct Deferred {
  explicit Deferred(napi_env env);
  void settle(napi_env env, const Failure* failure) const;

  napi_deferred deferred = nullptr;
  napi_value promise = nullptr;
};

/// Runs `body`, turning failures into JavaScript errors.
template <typename Body>
auto guarded(Napi::Env env, Body&& body) {
  try {
    return body();
  } catch (const Failure& failure) {
    napi_value error = errorValue(env, failure);
    if (error == nullptr) throw Napi::Error::New(env, failure.message);
    throw Napi::Error(env, error);
  }
}

}  // namespace addon
