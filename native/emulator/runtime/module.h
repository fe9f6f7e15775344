#pragma once

#include <memory>

#include "isa/program.h"
#include "launch/launch.h"
#include "runtime/entry.h"

namespace emulator {

/// A code object on a device: its image in executable memory and its decoded form.
struct Module {
  std::shared_ptr<Device> device;
  CodeObject object;
  uint64_t base = 0;
  std::unique_ptr<Program> program;

  ~Module() {
    if (base) AddressSpace::instance().release(base, device->ordinal);
  }
};

struct Function {
  std::shared_ptr<Module> module;
  LoadedKernel kernel;
};

using Modules = HandleTable<hipModule_t, Module>;
using Functions = HandleTable<hipFunction_t, Function>;

}  // namespace emulator
