#include <cstdlib>
#include <cstring>
#include <string>
#include <unordered_map>

#include "runtime/entry.h"
#include "runtime/symbols.h"

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

/// Whether a function may fail: one of HIP's that answers with a status.
bool mayFail(const std::string& function) {
  for (const char* other : {"hipGetErrorName", "hipGetErrorString", "hipGetLastError"}) {
    if (function == other) return false;
  }
  return exportedFunction(function.c_str()) != nullptr;
}

bool parse(const std::string& value, Injection* out) {
  const size_t colon = value.find(':');
  const std::string count = colon == std::string::npos ? "1" : value.substr(colon + 1);
  const bool isNumber = !count.empty() && count.find_first_not_of("0123456789") == std::string::npos;
  const std::string function = value.substr(0, colon);
  const uint64_t remaining = isNumber ? std::strtoull(count.c_str(), nullptr, 10) : 0;
  const bool every = count == "every";
  if (!value.empty() && (!mayFail(function) || (!every && !remaining))) return false;
  out->function = function;
  out->every = every;
  out->remaining = remaining;
  return true;
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
