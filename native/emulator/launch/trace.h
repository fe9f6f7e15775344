#pragma once

#include <cstdio>
#include <memory>

#include "launch/launch.h"

namespace emulator {

/// Writes every instruction of one wave with the registers that it changed.
class WaveTrace {
 public:
  /// The trace of workgroup `number`; null where the launch's options ask for none of its waves.
  static std::unique_ptr<WaveTrace> of(const Launch& launch, uint64_t number);
  ~WaveTrace();
  WaveTrace(const WaveTrace&) = delete;
  WaveTrace& operator=(const WaveTrace&) = delete;

  bool follows(const Wave& wave) const { return wave.index == wave_; }
  /// Engine::run for one instruction.
  uint64_t step(Wave& wave, uint64_t* counts);

 private:
  struct Registers;
  WaveTrace(const Launch& launch, uint32_t wave);
  void writeChanges(const Wave& wave);

  const Launch& launch_;
  const uint32_t wave_;
  std::FILE* file_;
  std::unique_ptr<Registers> before_;
};

}  // namespace emulator
