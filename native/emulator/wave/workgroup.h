#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "isa/target.h"
#include "memory/address_space.h"
#include "wave/wave.h"

namespace emulator {

/// What one fault report needs; the launch turns it into text.
struct Fault {
  FaultKind kind;
  uint32_t wave;
  int lane;
  uint64_t pc;  ///< device address of the faulting instruction
  uint64_t address;
  uint64_t bytes;
  std::string detail;
};

/// A workgroup while it runs on one host thread.
struct Workgroup {
  Target target;
  uint32_t id[3];
  const AddressMap* memory;
  /// Most executions of an instruction hit the same allocation as the one before: by pc % the array's size.
  const Allocation* recentAllocations[16] = {};
  uint64_t kernargAddress;
  std::vector<Wave*> waves;
  std::unique_ptr<Fault> fault;
};

}  // namespace emulator
