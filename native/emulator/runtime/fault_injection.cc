#include <cstdlib>
#include <cstring>
#include <string>
#include <unordered_map>

#include "runtime/entry.h"

// ROCM_EMULATOR_FAIL makes HIP functions fail that would not, so that a runtime's error paths can be tested.

namespace emulator {
namespace {

struct Injection {
  std::mutex mutex;
  std::string function;  ///< "" where nothing is to fail
  uint64_t remaining = 0;
  bool every = false;
  std::unordered_map<std::string, uint64_t> calls;  ///< of each function so far
};

bool parse(const std::string& value, Injection* out) {
  const size_t colon = value.find(':');
  const std::string count = colon == std::string::npos ? "1" : value.substr(colon + 1);
  out->function = value.substr(0, colon);
  out->every = count == "every";
  out->remaining = out->every ? 0 : std::strtoull(count.c_str(), nullptr, 10);
  return value.empty() || out->every || out->remaining > 0;
}

Injection& injection() {
  static Injection* instance = [] {
    auto* made = new Injection;
    const char* value = std::getenv("ROCM_EMULATOR_FAIL");
    if (value) parse(value, made);
    return made;
  }();
  return *instance;
}

/// What a function that fails by injection answers: what it would most plausibly.
Status failureOf(const char* function) {
  return std::strstr(function, "Malloc") ? hipErrorOutOfMemory : hipErrorUnknown;
}

}  // namespace

Status injectedFailure(const char* function) {
  Injection& state = injection();
  const std::lock_guard<std::mutex> lock(state.mutex);
  state.calls[function]++;
  if (state.function.empty() || state.function != function) return hipSuccess;
  if (state.every) return failureOf(function);
  if (state.remaining == 0 || --state.remaining > 0) return hipSuccess;
  return failureOf(function);
}

uint64_t callsOf(const char* function) {
  Injection& state = injection();
  const std::lock_guard<std::mutex> lock(state.mutex);
  const auto row = state.calls.find(function);
  return row == state.calls.end() ? 0 : row->second;
}

bool isInjectedFailure(const std::string& value) {
  Injection unused;
  return parse(value, &unused);
}

bool setInjectedFailure(const std::string& value) {
  Injection& state = injection();
  const std::lock_guard<std::mutex> lock(state.mutex);
  return parse(value, &state);
}

}  // namespace emulator
