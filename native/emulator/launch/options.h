#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace emulator {

/// In which order the waves of a workgroup advance. What a kernel computes must not depend on it.
struct Schedule {
  enum class Order : uint8_t { forward, reverse, seeded };
  Order order = Order::forward;
  uint64_t turn = 0;  ///< instructions a wave executes before the next one has its turn; 0: until its barrier
  uint64_t seed = 0;  ///< of Order::seeded: the order of the waves and the length of every turn
};

/// What is counted of each launch. A level includes those before it.
enum class Counting : uint8_t {
  off,
  basic,  ///< instructions and the clocks that they take
  full,   ///< what memory instructions move and touch, and all of it for each instruction and workgroup
};

/// The wave whose instructions are written out.
struct TraceRequest {
  std::string kernel;  ///< part of its name
  uint64_t workgroup;
  uint32_t wave;
};

/// How the emulator runs kernels, from ROCM_EMULATOR_* variables (docs/emulator.md) and
/// rocmEmulatorSetOption.
struct Options {
  Schedule schedule;
  bool lateDelivery = false;          ///< DELIVERY=late: memory instructions take effect at their s_waitcnt
  bool reportUninitialised = false;   ///< UNINITIALISED=report: reading what nobody has written is a fault;
                                      ///< for allocations made from now on
  bool kernargPreload = true;         ///< PRELOAD=off: start at the entry for firmware that does not preload
  uint64_t instructionLimit = 0;      ///< per wave; 0: none
  Counting counters = Counting::off;  ///< COUNTERS=off|basic|full|sample:N
  /// COUNTERS=sample:N, as full: the most workgroups of a launch that are run, the others are left out, and
  /// so their results; 0: all. The environment cannot ask for it.
  uint64_t sample = 0;
  std::shared_ptr<const TraceRequest> trace;  ///< TRACE=KERNEL:WORKGROUP:WAVE; null: none
  std::string traceFile;                      ///< what traces are appended to; "": standard error
  unsigned threads = 0;                       ///< host threads that run workgroups; 0: one per processor
};

/// The options as they are now. A launch takes them when it is enqueued.
Options currentOptions();

/// Sets the option that the variable ROCM_EMULATOR_<name> would, e.g. "SCHEDULE", "turn:8". False where there
/// is no such option or value.
bool setOption(const std::string& name, const std::string& value);
/// Whether there is that option and it takes that value from the environment.
bool isOption(const std::string& name, const std::string& value);

}  // namespace emulator
