#include "runtime.h"

#include <dlfcn.h>
#include <link.h>

#include <memory>
#include <mutex>

namespace hip {
namespace {

// Never destroyed: environments of other threads may outlive this library's static objects.
struct Loaded {
  std::mutex mutex;
  std::unique_ptr<Runtime> runtime;
  std::vector<Attempt> attempts;
  std::vector<std::unique_ptr<Runtime>> emulators;
};

Loaded& loaded() {
  static Loaded* instance = new Loaded;
  return *instance;
}

std::string pathOf(void* library, const std::string& name) {
  link_map* map = nullptr;
  if (dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 && map->l_name[0] != '\0') return map->l_name;
  return name;
}

/// Fills the table; returns the names that the library lacks.
std::string resolve(void* library, Functions* functions) {
  std::string missing;
#define HIP_RESOLVE(result, name, parameters)                                      \
  functions->name = reinterpret_cast<result(*) parameters>(dlsym(library, #name)); \
  if (functions->name == nullptr) missing += (missing.empty() ? "" : ", ") + std::string(#name);
  HIP_FUNCTIONS(HIP_RESOLVE)
#undef HIP_RESOLVE
#define HIP_RESOLVE(result, name, parameters) \
  functions->name = reinterpret_cast<result(*) parameters>(dlsym(library, #name));
  EMULATOR_FUNCTIONS(HIP_RESOLVE)
#undef HIP_RESOLVE
  return missing;
}

/// RTLD_LOCAL keeps the functions of several runtimes apart.
std::unique_ptr<Runtime> open(const Candidate& candidate, std::string* error) {
  const int flags = RTLD_NOW | RTLD_LOCAL | (candidate.loadedOnly ? RTLD_NOLOAD : 0);
  dlerror();
  void* library = dlopen(candidate.library.c_str(), flags);
  if (library == nullptr) {
    const char* reason = dlerror();
    *error = candidate.loadedOnly || reason == nullptr ? "the process has not loaded it" : reason;
    return nullptr;
  }
  auto runtime = std::make_unique<Runtime>();
  runtime->path = pathOf(library, candidate.library);
  const std::string missing = resolve(library, &runtime->functions);
  if (!missing.empty()) {
    *error = runtime->path + " is no HIP runtime of ROCm 6 or later: it lacks " + missing;
    dlclose(library);
    return nullptr;
  }
  if (runtime->functions.hipRuntimeGetVersion(&runtime->version) != 0) runtime->version = 0;
  return runtime;
}

}  // namespace

const Runtime* loadRuntime(const std::vector<Candidate>& candidates, std::vector<Attempt>* attempts) {
  Loaded& state = loaded();
  std::lock_guard<std::mutex> lock(state.mutex);
  if (state.runtime == nullptr) {
    state.attempts.clear();
    for (const Candidate& candidate : candidates) {
      Attempt attempt{candidate.library, ""};
      state.runtime = open(candidate, &attempt.error);
      state.attempts.push_back(attempt);
      if (state.runtime != nullptr) break;
    }
  }
  *attempts = state.attempts;
  return state.runtime.get();
}

const Runtime* loadedRuntime() {
  Loaded& state = loaded();
  std::lock_guard<std::mutex> lock(state.mutex);
  return state.runtime.get();
}

const Runtime* loadEmulator(const std::string& path, std::string* error) {
  Loaded& state = loaded();
  std::lock_guard<std::mutex> lock(state.mutex);
  for (const auto& emulator : state.emulators) {
    if (emulator->path == path) return emulator.get();
  }
  std::unique_ptr<Runtime> emulator = open({path, false}, error);
  if (emulator == nullptr) return nullptr;
  if (!emulator->emulated()) {
    *error = path + " is not the emulator";
    return nullptr;
  }
  emulator->path = path;
  state.emulators.push_back(std::move(emulator));
  return state.emulators.back().get();
}

}  // namespace hip
