#include <napi.h>

#include <algorithm>

#include "../hip/constants.h"
#include "../hip/runtime.h"
#include "device_object.h"
#include "embedded.h"
#include "environment.h"
#include "event_object.h"
#include "graph_object.h"
#include "kernel_object.h"
#include "memory_object.h"
#include "module_object.h"
#include "stream_object.h"

namespace addon {
namespace {

void initialize(const Napi::CallbackInfo& info) {
  Environment& environment = Environment::of(info.Env());
  if (!info[0].IsFunction()) throw Napi::TypeError::New(info.Env(), "expected the error class");
  environment.errorClass = Napi::Persistent(info[0].As<Napi::Function>());
  environment.mainThread = info[1].ToBoolean();
}

Napi::Value loadHip(const Napi::CallbackInfo& info) {
  const auto list = info[0].As<Napi::Array>();
  std::vector<hip::Candidate> candidates;
  for (uint32_t index = 0; index < list.Length(); index++) {
    const auto candidate = list.Get(index).As<Napi::Object>();
    candidates.push_back({candidate.Get("library").ToString(), candidate.Get("loadedOnly").ToBoolean()});
  }
  std::vector<hip::Attempt> attempts;
  const hip::Runtime* runtime = hip::loadRuntime(candidates, &attempts);
  Napi::Array tried = Napi::Array::New(info.Env());
  for (const hip::Attempt& attempt : attempts) {
    Napi::Object object = Napi::Object::New(info.Env());
    object.Set("library", attempt.library);
    object.Set("error",
               attempt.error.empty() ? info.Env().Null() : Napi::String::New(info.Env(), attempt.error));
    tried.Set(tried.Length(), object);
  }
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("path", runtime == nullptr ? info.Env().Null() : Napi::String::New(info.Env(), runtime->path));
  result.Set("version", runtime == nullptr ? 0 : runtime->version);
  result.Set("attempts", tried);
  return result;
}

Napi::Value listDevices(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Array devices = Napi::Array::New(info.Env());
    const hip::Runtime* runtime = hip::loadedRuntime();
    if (runtime == nullptr) return devices;
    int count = 0;
    const hipError_t state = runtime->functions.hipGetDeviceCount(&count);
    // Without a GPU HIP answers so; that is no failure here.
    if (state == hip::errorNoDevice) return devices;
    if (state != hip::success) {
      const std::string name = runtime->functions.hipGetErrorName(state);
      throw Failure("ERR_HIP", "hipGetDeviceCount failed: " + name, name, "hipGetDeviceCount");
    }
    for (int ordinal = 0; ordinal < count; ordinal++) {
      devices.Set(ordinal,
                  infoObject(info.Env(), readDeviceInfo(*runtime, ordinal), ordinal, runtime->emulated()));
    }
    return devices;
  });
}

Napi::Value open(const Napi::Env& env, const hip::Runtime& runtime, int ordinal, bool created) {
  Environment& environment = Environment::of(env);
  auto device = std::make_shared<Device>(runtime, ordinal, created, environment.completions);
  device->enter();
  environment.add(device);
  return DeviceObject::make(env, environment.device, std::move(device));
}

Napi::Value openDevice(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const hip::Runtime* runtime = hip::loadedRuntime();
    if (runtime == nullptr) throw Failure("ERR_HIP_LIBRARY", "no HIP runtime has been loaded");
    return open(info.Env(), *runtime, integer(info[0], 65535), false);
  });
}

const hip::Runtime& emulator(const std::string& path) {
  std::string error;
  const hip::Runtime* runtime = hip::loadEmulator(path, &error);
  if (runtime != nullptr) return *runtime;
  throw Failure("ERR_HIP_LIBRARY", "the emulator could not be loaded: " + error +
                                       "\nIn a clone of the project build it: npm run build:native");
}

Napi::Value openEmulatedDevice(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const hip::Runtime& runtime = emulator(info[0].ToString());
    const std::string arch = info[1].ToString();
    const int computeUnits = integer(info[2], 65535);
    const uint64_t memoryBytes = integer(info[3], maxBytes);
    int ordinal = 0;
    const hipError_t state =
        runtime.functions.rocmEmulatorCreateDevice(arch.c_str(), computeUnits, memoryBytes, &ordinal);
    if (state != 0) {
      const std::string mistake = runtime.functions.rocmEmulatorLastFault(-1);
      if (!mistake.empty()) throw Failure("ERR_INVALID_ARGUMENT", mistake + " (docs/emulator.md)");
      const std::string name = runtime.functions.hipGetErrorName(state);
      throw Failure("ERR_HIP", "the emulator made no " + arch + ": " + name, name,
                    "rocmEmulatorCreateDevice");
    }
    try {
      return open(info.Env(), runtime, ordinal, true);
    } catch (...) {
      runtime.functions.rocmEmulatorDestroyDevice(ordinal);
      throw;
    }
  });
}

Napi::Value setEmulatorOption(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const hip::Functions& functions = emulator(info[0].ToString()).functions;
    const std::string name = info[1].ToString(), value = info[2].ToString();
    return Napi::Boolean::New(info.Env(), functions.rocmEmulatorSetOption(name.c_str(), value.c_str()) == 0);
  });
}

Napi::Value takeEmulatorCounters(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const hip::Functions& functions = emulator(info[0].ToString()).functions;
    return Napi::String::New(info.Env(), functions.rocmEmulatorTakeCounters(integer(info[1], 65535)));
  });
}

Napi::Value emulatorCalls(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const hip::Functions& functions = emulator(info[0].ToString()).functions;
    const std::string name = info[1].ToString();
    return Napi::Number::New(info.Env(), static_cast<double>(functions.rocmEmulatorCalls(name.c_str())));
  });
}

Napi::Value emulatorCpuLevel(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::String::New(info.Env(), emulator(info[0].ToString()).functions.rocmEmulatorCpuLevel());
  });
}

/// Ranks `count` numbers: raises `highest`, gathers the signs.
#if defined(__x86_64__)
__attribute__((target_clones("avx2", "default")))
#endif
void rank(const int32_t* numbers, size_t count, int32_t* highest, int32_t* signs) {
  int32_t most = *highest, all = *signs;
  for (size_t index = 0; index < count; index++) {
    most = std::max(most, numbers[index]);
    all |= numbers[index];
  }
  *highest = most;
  *signs = all;
}

/// The highest of the first counts[row] numbers of all rows of a table, whose rows begin `columns` apart: -1
/// where there is none, 2^32 - 1 where one is negative.
Napi::Value highestOfRows(const Napi::CallbackInfo& info) {
  const auto table = info[0].As<Napi::Int32Array>(), counts = info[2].As<Napi::Int32Array>();
  const size_t columns = integer(info[1], maxUnsigned);
  const size_t rows = integer(info[3], static_cast<double>(counts.ElementLength()));
  int32_t highest = -1, signs = 0;
  for (size_t row = 0; row < rows; row++) {
    const size_t first = row * columns, count = std::max(0, counts.Data()[row]);
    if (first + count > table.ElementLength()) throw Napi::RangeError::New(info.Env(), "beyond the table");
    rank(table.Data() + first, count, &highest, &signs);
  }
  return Napi::Number::New(info.Env(), signs < 0 ? maxUnsigned : highest);
}

Napi::Object start(Napi::Env env, Napi::Object exports) {
  auto* environment = new Environment(env);
  env.SetInstanceData(environment);
  // Registered after the thread-safe function that Environment made, and so called before that one's own
  // hook.
  env.AddCleanupHook([](Environment* environment) { environment->close(); }, environment);
  environment->device = Napi::Persistent(DeviceObject::define(env));
  environment->memory = Napi::Persistent(MemoryObject::define(env));
  environment->stream = Napi::Persistent(StreamObject::define(env));
  environment->event = Napi::Persistent(EventObject::define(env));
  environment->module = Napi::Persistent(ModuleObject::define(env));
  environment->kernel = Napi::Persistent(KernelObject::define(env));
  environment->graph = Napi::Persistent(GraphObject::define(env));
  exports.Set("initialize", Napi::Function::New<initialize>(env));
  exports.Set("loadHip", Napi::Function::New<loadHip>(env));
  exports.Set("listDevices", Napi::Function::New<listDevices>(env));
  exports.Set("openDevice", Napi::Function::New<openDevice>(env));
  exports.Set("setEmulatorOption", Napi::Function::New<setEmulatorOption>(env));
  exports.Set("takeEmulatorCounters", Napi::Function::New<takeEmulatorCounters>(env));
  exports.Set("emulatorCalls", Napi::Function::New<emulatorCalls>(env));
  exports.Set("emulatorCpuLevel", Napi::Function::New<emulatorCpuLevel>(env));
  exportEmbeddedFiles(env, exports);
  exports.Set("highestOfRows", Napi::Function::New<highestOfRows>(env));
  exports.Set("openEmulatedDevice", Napi::Function::New<openEmulatedDevice>(env));
  return exports;
}

}  // namespace
}  // namespace addon

static Napi::Object startAddon(Napi::Env env, Napi::Object exports) { return addon::start(env, exports); }

NODE_API_MODULE(rocm_attention, startAddon)
