// What the tool that takes error paths shares between its parts.

#pragma once

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "hip/functions.h"
#include "runtime/status.h"

#define DECLARE(result, name, parameters) extern "C" result name parameters;
HIP_FUNCTIONS(DECLARE)
LAUNCHER_FUNCTIONS(DECLARE)
EMULATOR_FUNCTIONS(DECLARE)
#undef DECLARE

using namespace emulator;

constexpr uint64_t kMemory = 1 << 20;
inline int failures = 0;

/// Prints "ok <function>: <case>", or "not ok" with what came instead.
inline void expect(const char* function, const char* what, bool right, const std::string& came = "") {
  std::printf("%s %s: %s%s\n", right ? "ok" : "not ok", function, what,
              right || came.empty() ? "" : (", but came " + came).c_str());
  failures += !right;
}

/// The call of `function` must answer with `expected`, and be remembered as the last error.
inline void answers(const char* function, const char* what, Status expected, int status) {
  const bool remembers = expected != hipErrorNotReady;
  const int last = hipGetLastError();
  expect(function, what, status == expected && (!remembers || last == expected),
         std::string(hipGetErrorName(status)) + ", remembered " + hipGetErrorName(last));
}

/// The same, with the call written once: ANSWERS(expected, "what", hipFunction, (arguments)).
#define ANSWERS(expected, what, function, arguments) answers(#function, what, expected, function arguments)

template <class Handle>
Handle nobodys() {
  return reinterpret_cast<Handle>(uint64_t{0x1230});
}

struct Fixture {
  int device = -1, other = -1;
  std::vector<char> image;
  void *memory = nullptr, *foreign = nullptr, *pinned = nullptr;
  hipStream_t stream = nullptr, foreignStream = nullptr;
  hipEvent_t event = nullptr, untimed = nullptr, foreignEvent = nullptr;
  hipModule_t module = nullptr;
  hipFunction_t add = nullptr, wait = nullptr, stray = nullptr;
};

inline int launch(hipFunction_t function, hipStream_t stream, void* pointer, unsigned grid = 1,
                  unsigned block = 64, unsigned ldsBytes = 0) {
  struct {
    void* pointer;
    float amount;
    int count;
  } arguments = {pointer, 1, 4};
  size_t bytes = sizeof arguments;
  void* extra[] = {reinterpret_cast<void*>(1), &arguments, reinterpret_cast<void*>(2), &bytes,
                   reinterpret_cast<void*>(3)};
  return hipModuleLaunchKernel(function, grid, 1, 1, block, 1, 1, ldsBytes, stream, nullptr, extra);
}

// What modules, launches and graphs answer (entry_errors_launches.cc).
void modules(Fixture& f);
void otherLaunches(const Fixture& f);
void graphs(const Fixture& f);
