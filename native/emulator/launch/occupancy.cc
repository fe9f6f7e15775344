#include <algorithm>

#include "launch/launch.h"

namespace emulator {

uint32_t workgroupsPerComputeUnit(const KernelDescriptor& kernel, Target target, uint32_t blockSize,
                                  uint64_t ldsBytes) {
  // A SIMD has 512 vector registers per lane, 800 scalar registers and room for 8 waves; a compute unit has
  // 4 SIMDs. RSRC1 gives scalar registers in granules of 16, counted by twos.
  constexpr uint32_t kSimds = 4, kWaves = 8, kVectorRegisters = 512, kScalarRegisters = 800;
  const uint32_t scalarRegisters = ((kernel.rsrc1 >> 6 & 15) / 2 + 1) * 16;
  const uint32_t wavesPerSimd = std::min(
      {kWaves, kVectorRegisters / std::max(8u, kernel.vectorRegisters), kScalarRegisters / scalarRegisters});
  const uint32_t byRegisters = kSimds * wavesPerSimd / ((blockSize + kLanes - 1) / kLanes);
  if (!ldsBytes) return byRegisters;
  return static_cast<uint32_t>(std::min<uint64_t>(byRegisters, traits(target).ldsBytes / ldsBytes));
}

}  // namespace emulator
