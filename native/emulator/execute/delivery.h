#pragma once

#include "execute/access.h"

namespace emulator {

/// What registers hold between the issue of a load and the s_waitcnt that covers it, under late delivery: a
/// NaN as f32, f16 and bf16, and an absurd integer.
constexpr uint32_t kPoison = 0x7fff7fff;

/// An issued access that no s_waitcnt has covered.
struct PendingAccess {
  Access access;
  Perform perform;  ///< what is left of it: all, the delivery of its results, or nothing
  const Instruction* instruction;
  uint8_t counters;  ///< those that no s_waitcnt has covered yet; it is performed when none is left
  bool outOfOrder;   ///< scalar memory: only a wait for 0 covers it
  /// What access.data points to: copies of the registers to store, later the results to deliver.
  uint32_t data[4][kLanes];
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

/// s_waitcnt: returns when at most `vm` and `lgkm` accesses are outstanding. Without late delivery it is
/// counted at most.
void waitForAccesses(Wave& wave, unsigned vm, unsigned lgkm);

/// s_barrier: what the workgroup's other waves may count on takes effect in memory, waits or not.
///
/// A workgroup's waves share one L1, which serves them in order (compute units, not threadgroup-split mode):
/// LLVM's memory model for gfx90a and gfx942 has no wait for vector memory before a barrier. LDS executes a
/// wave's instructions in order, and those issued before a barrier ahead of what others issue behind it. CK's
/// and AITER's kernels rely on that for reads, which stay outstanding over the barrier that lets others
/// overwrite what they read. Writes it does not excuse: their wait is missing. In either case registers stay
/// poisoned.
void settleAccesses(Wave& wave);

/// s_endpgm: all that was issued takes effect.
inline void finishAccesses(Wave& wave) { waitForAccesses(wave, 0, 0); }

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
