#pragma once

#include <cstdint>

#include "isa/target.h"

namespace emulator {

enum class LdsAccess : uint8_t { read, write, atomic };

struct LdsClocks {
  uint64_t clocks;
  uint64_t conflicts;  ///< of these, the ones that accesses to different dwords of one bank cost
};

/// The clocks that LDS needs for one access of the active `lanes`, each to `bytes` bytes from its offset on.
///
/// LDS has 32 banks of 4 bytes. It takes the lanes of a wave in groups, one after the other: 32 consecutive
/// lanes for up to 4 bytes, 16 for 8, 8 for 12 and 16; reads of 16 bytes have groups of their own ({0-3,
/// 20-23}, {4-7, 16-19}, {8-11, 28-31}, {12-15, 24-27}, and the same from lane 32 on). gfx950 has 64 banks
/// for reads of 8 and 16 bytes, and groups of twice the lanes (two of the above for 16 bytes). A group takes
/// as many clocks as its most wanted bank has different dwords to deliver, or, for an atomic, lanes to serve.
/// Source: AMD's ROCm blog and CK-tile documentation on LDS bank conflicts; the groups of 8 and 12 bytes and
/// gfx950's are inferred from the width of LDS.
LdsClocks ldsClocks(Target target, LdsAccess kind, uint32_t bytes, const uint32_t (&offset)[kLanes],
                    uint64_t lanes);

}  // namespace emulator
