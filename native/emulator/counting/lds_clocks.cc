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

/// The clocks of one group, from the dwords that its lanes want.
uint64_t clocksOf(uint32_t* dwords, size_t count, LdsAccess kind, uint32_t banks) {
  std::sort(dwords, dwords + count);
  if (kind != LdsAccess::atomic) count = static_cast<size_t>(std::unique(dwords, dwords + count) - dwords);
  uint64_t wanted[64] = {};
  for (size_t i = 0; i < count; i++) wanted[dwords[i] % banks]++;
  return *std::max_element(wanted, wanted + banks);
}

}  // namespace

LdsClocks ldsClocks(Target target, LdsAccess kind, uint32_t bytes, const uint32_t (&offset)[kLanes],
                    uint64_t lanes) {
  uint32_t dwords[kMostGroups][4 * kLanes];
  size_t counts[kMostGroups] = {};
  for (uint32_t lane = 0; lane < kLanes; lane++) {
    if (!(lanes >> lane & 1)) continue;
    const uint32_t group = groupOf(target, kind, bytes, lane);
    for (uint32_t at = 0; at < bytes; at += 4) dwords[group][counts[group]++] = (offset[lane] + at) / 4;
  }
  LdsClocks total{0, 0};
  const uint32_t banks = isWideRead(target, kind, bytes) ? 64 : 32;
  for (uint32_t group = 0; group < kMostGroups; group++) {
    if (!counts[group]) continue;
    const uint64_t clocks = clocksOf(dwords[group], counts[group], kind, banks);
    total.clocks += clocks;
    total.conflicts += clocks - 1;
  }
  return total;
}

}  // namespace emulator
