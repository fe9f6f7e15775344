#pragma once

#include "execute/access.h"

namespace emulator {

/// What registers hold between the issue of a load and the s_waitcnt that covers it, under late delivery: a
/// NaN as f32, f16 and bf16, and an absurd integer.
constexpr uint32_t kPoison = 0x7fff7fff;

/// An issued access that has not taken effect.
struct PendingAccess {
  Access access;
  Perform perform;
  const Instruction* instruction;
  uint8_t counters;          ///< those that no s_waitcnt has covered yet; it takes effect when none is left
  bool outOfOrder;           ///< scalar memory: only a wait for 0 covers it
  uint32_t data[4][kLanes];  ///< copies of the registers that access.data points to
  uint32_t secondData[2][kLanes];  ///< and access.data1
};

/// The accesses of a wave under late delivery, in program order.
struct PendingAccesses {
  /// More can never be outstanding: the counters have 6 and 4 bits, and an instruction that would make one
  /// overflow waits for the oldest access first.
  static constexpr int kMost = 63 + 15 + 2;
  PendingAccess entries[kMost];
  int order[kMost];  ///< entries in use, oldest first; the rest of the array lists the free ones
  int count;
  bool ready;  ///< `order` is a permutation (it is made on first use, so that zeroed memory will do)
};

namespace EMULATOR_LEVEL {

/// s_waitcnt: returns when at most `vm` and `lgkm` accesses are outstanding. Does nothing without late
/// delivery.
void waitForAccesses(Wave& wave, unsigned vm, unsigned lgkm);

/// s_endpgm: all that was issued takes effect.
inline void finishAccesses(Wave& wave) { waitForAccesses(wave, 0, 0); }

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
