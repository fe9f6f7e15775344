#pragma once

#include <string>
#include <vector>

#include "functions.h"

namespace hip {

/// One HIP library's functions. The emulator's own are null in AMD's library.
struct Functions {
#define HIP_MEMBER(result, name, parameters) result(*name) parameters = nullptr;
  HIP_FUNCTIONS(HIP_MEMBER)
  EMULATOR_FUNCTIONS(HIP_MEMBER)
#undef HIP_MEMBER
};

/// A loaded HIP library. Libraries stay loaded until the process ends, since their threads do.
struct Runtime {
  std::string path;
  int version = 0;
  Functions functions;

  bool emulated() const { return functions.rocmEmulatorCreateDevice != nullptr; }
};

struct Candidate {
  std::string library;
  bool loadedOnly;  ///< taken only where the process has loaded it already
};

/// One candidate that was tried; `error` is empty where it was taken.
struct Attempt {
  std::string library;
  std::string error;
};

/// The process's HIP runtime: the first candidate that loads and has every function, kept for good. Null
/// where none does. `attempts` tells what happened, also where an earlier call found the runtime.
const Runtime* loadRuntime(const std::vector<Candidate>& candidates, std::vector<Attempt>* attempts);

/// The runtime that loadRuntime found, or null.
const Runtime* loadedRuntime();

/// The emulator at `path`, beside the runtime and independent of it. Null with a reason where it cannot be
/// loaded.
const Runtime* loadEmulator(const std::string& path, std::string* error);

}  // namespace hip
