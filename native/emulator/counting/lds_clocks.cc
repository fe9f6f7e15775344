#include "counting/lds_clocks.h"

#include <algorithm>

namespace emulator {
namespace {

constexpr uint32_t kMostGroups = 8;

bool isWideRead(Target target, LdsAccess kind, uint32_t bytes) {
  return target == Target::gfx950 && kind == LdsAccess::read && (bytes == 8 || bytes == 16);
}

uint32_t groupOf(Target target, LdsAccess kind, uint32_t bytes, uint32_t lane) {
  const bool wide = isWideRead(target, kind, bytes);
  if (bytes <= 4) return lane / 32;
  if (bytes == 8) return lane / (wide ? 32 : 16);
  if (bytes == 12 || kind != LdsAccess::read) return lane / 8;
  constexpr uint8_t kByQuad[] = {0, 1, 2, 3, 1, 0, 3, 2}, kByQuadWide[] = {0, 1, 1, 0, 1, 0, 0, 1};
  const uint32_t quad = lane / 4 % 8, half = lane / 32;
  return wide ? kByQuadWide[quad] + 2 * half : kByQuad[quad] + 4 * half;
}

/// The dwords that one group of lanes wants, by bank.
class Banks {
 public:
  Banks(uint32_t banks, bool eachLane) : mask_(banks - 1), eachLane_(eachLane) {}

  void want(uint32_t dword) {
    const uint32_t bank = dword & mask_;
    for (uint32_t i = 0; !eachLane_ && i < wanted_[bank]; i++) {
      if (dwords_[bank][i] == dword) return;
    }
    dwords_[bank][wanted_[bank]++] = dword;
    clocks_ = std::max(clocks_, wanted_[bank]);
  }
  uint64_t clocks() const { return clocks_; }

 private:
  static constexpr uint32_t kMostBanks = 64, kMostPerBank = 64;
  const uint32_t mask_;
  const bool eachLane_;
  uint32_t clocks_ = 0;
  uint32_t wanted_[kMostBanks] = {};
  uint32_t dwords_[kMostBanks][kMostPerBank];
};

}  // namespace

LdsClocks ldsClocks(Target target, LdsAccess kind, uint32_t bytes, const uint32_t (&offset)[kLanes],
                    uint64_t lanes) {
  LdsClocks total{0, 0};
  uint64_t lanesOf[kMostGroups] = {};
  for (uint32_t lane = 0; lane < kLanes; lane++) {
    lanesOf[groupOf(target, kind, bytes, lane)] |= (lanes >> lane & 1) << lane;
  }
  for (uint64_t left : lanesOf) {
    if (!left) continue;
    Banks banks(isWideRead(target, kind, bytes) ? 64 : 32, kind == LdsAccess::atomic);
    for (; left; left &= left - 1) {
      const uint32_t first = offset[__builtin_ctzll(left)] / 4, count = (bytes + 3) / 4;
      for (uint32_t i = 0; i < count; i++) banks.want(first + i);
    }
    total.clocks += banks.clocks();
    total.conflicts += banks.clocks() - 1;
  }
  return total;
}

}  // namespace emulator
