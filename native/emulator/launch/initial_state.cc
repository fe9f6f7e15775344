#include <algorithm>
#include <cstring>

#include "launch/launch.h"

// The state of a wave before its first instruction, as LLVM's AMDGPU usage guide describes it ("Initial
// Kernel Execution State").

namespace emulator {
namespace {

// KERNEL_CODE_PROPERTIES, in the order in which the user SGPRs are laid out.
constexpr uint16_t kPrivateSegmentBuffer = 1, kDispatchPointer = 2, kQueuePointer = 4, kKernargPointer = 8,
                   kDispatchId = 16, kFlatScratchInit = 32, kPrivateSegmentSize = 64;

class ScalarWriter {
 public:
  explicit ScalarWriter(Wave& wave) : wave_(wave) {}
  void put(uint32_t value) {
    if (next_ < reg::flatScratchLo) wave_.scalar[next_++] = value;
  }
  void put64(uint64_t value) {
    put(static_cast<uint32_t>(value));
    put(static_cast<uint32_t>(value >> 32));
  }
  void skipTo(int next) { next_ = next; }

 private:
  Wave& wave_;
  int next_ = 0;
};

void writeConstants(Wave& wave) {
  for (int i = 0; i <= 64; i++) wave.scalar[reg::inlineIntegers + i] = static_cast<uint32_t>(i);
  for (int i = 1; i <= 16; i++) wave.scalar[reg::inlineIntegers + 64 + i] = static_cast<uint32_t>(-i);
  const float floats[] = {0.5f, -0.5f, 1.0f, -1.0f, 2.0f, -2.0f, 4.0f, -4.0f};
  std::memcpy(wave.scalar + reg::inlineFloats, floats, sizeof floats);
  wave.scalar[reg::inlineFloats + 8] = 0x3e22f983;  // 1 / (2 pi)
  // Read as 32 bits, an aperture's register gives the high half of its base.
  wave.scalar[reg::sharedBase] = kSharedAperture >> 32;
  wave.scalar[reg::privateBase] = kPrivateAperture >> 32;
  wave.scalar[reg::sharedLimit] = (kSharedAperture + kApertureBytes - 1) >> 32;
  wave.scalar[reg::privateLimit] = (kPrivateAperture + kApertureBytes - 1) >> 32;
}

/// A buffer descriptor over the wave's private memory with add_tid_enable, as the driver makes it for gfx90a.
void writePrivateSegmentBuffer(ScalarWriter& scalars, const Wave& wave) {
  const auto base = reinterpret_cast<uint64_t>(wave.scratch);
  scalars.put(static_cast<uint32_t>(base));
  scalars.put(static_cast<uint32_t>(base >> 32 & 0xffff) | 1u << 31);  // swizzle enabled
  scalars.put(wave.scratchBytes * kLanes);
  scalars.put(0x00e00000);  // add_tid_enable, index stride 64, element size 4
}

void writeUserScalars(Wave& wave, const Launch& launch) {
  const KernelDescriptor& kernel = *launch.kernel.descriptor;
  ScalarWriter scalars(wave);
  if (kernel.properties & kPrivateSegmentBuffer) writePrivateSegmentBuffer(scalars, wave);
  if (kernel.properties & kDispatchPointer) scalars.put64(launch.packetAddress);
  if (kernel.properties & kQueuePointer) scalars.put64(0);
  if (kernel.properties & kKernargPointer) scalars.put64(launch.kernargAddress);
  if (kernel.properties & kDispatchId) scalars.put64(0);
  if (kernel.properties & kFlatScratchInit) scalars.put64(reinterpret_cast<uint64_t>(wave.scratch));
  if (kernel.properties & kPrivateSegmentSize) scalars.put(kernel.scratchBytes);
  if (launch.options.kernargPreload) {
    const auto* kernarg = reinterpret_cast<const uint8_t*>(launch.kernargAddress);
    for (uint32_t i = 0; i < kernel.preloadDwords; i++) {
      const uint64_t offset = 4 * (uint64_t{kernel.preloadOffset} + i);
      uint32_t value = 0;
      if (offset + 4 <= kernel.kernargBytes) std::memcpy(&value, kernarg + offset, 4);
      scalars.put(value);
    }
  }
  scalars.skipTo(static_cast<int>(kernel.rsrc2 >> 1 & 31));  // USER_SGPR_COUNT
  for (int axis = 0; axis < 3; axis++) {
    if (kernel.rsrc2 >> (7 + axis) & 1) scalars.put(wave.group->id[axis]);
  }
  if (kernel.rsrc2 >> 10 & 1) scalars.put(0);  // workgroup info
  if (kernel.rsrc2 & 1) scalars.put(0);  // offset of the wave's private memory: its base already counts it
}

/// v0 = x | y << 10 | z << 20 of each lane's work-item, y and z where the kernel asks for them (a kernel that
/// does not takes all of v0 for x); lanes beyond the last one are off.
void writeWorkItems(Wave& wave, const KernelDescriptor& kernel, const Geometry& geometry) {
  const uint32_t dimensions = kernel.rsrc2 >> 11 & 3;  // ENABLE_VGPR_WORKITEM_ID: 0 x, 1 x and y, 2 all
  const uint32_t first = wave.index * kLanes;
  const uint32_t lanes = std::min<uint32_t>(kLanes, geometry.blockSize() - first);
  uint32_t x = first % geometry.block[0], y = first / geometry.block[0] % geometry.block[1],
           z = first / (geometry.block[0] * geometry.block[1]);
  for (uint32_t lane = 0; lane < lanes; lane++) {
    wave.vector[0][lane] = x | (dimensions >= 1 ? y << 10 : 0) | (dimensions >= 2 ? z << 20 : 0);
    if (++x < geometry.block[0]) continue;
    x = 0;
    if (++y < geometry.block[1]) continue;
    y = 0;
    z++;
  }
  wave.setExec(~uint64_t{0} >> (kLanes - lanes));
}

/// Hardware leaves registers as they were; here a kernel finds zeros in those that it owns, whoever ran
/// before.
void clearVectorRegisters(Wave& wave, const KernelDescriptor& kernel) {
  const uint32_t accumulators = std::min<uint32_t>(256, ((kernel.rsrc3 & 63) + 1) * 4);  // ACCUM_OFFSET
  const uint32_t total = std::min<uint32_t>(512, kernel.vectorRegisters);
  std::memset(wave.vector, 0, sizeof wave.vector[0] * std::min<uint32_t>(256, total));
  if (total > accumulators) {
    std::memset(wave.vector + 256, 0, sizeof wave.vector[0] * std::min<uint32_t>(256, total - accumulators));
  }
}

uint32_t initialMode(const KernelDescriptor& kernel) {
  return (kernel.rsrc1 >> 12 & 0xff) | (kernel.rsrc1 >> 21 & 1 ? mode::dx10Clamp : 0) |
         (kernel.rsrc1 >> 23 & 1 ? mode::ieee : 0) | (kernel.rsrc1 >> 26 & 1 ? mode::fp16Overflow : 0);
}

}  // namespace

void initialise(Wave& wave, const Launch& launch, uint32_t index) {
  const KernelDescriptor& kernel = *launch.kernel.descriptor;
  const Program& program = *launch.kernel.program;
  clearVectorRegisters(wave, kernel);
  std::memset(wave.scalar, 0, sizeof wave.scalar);
  wave.code = program.entries();
  wave.codeBase = program.codeBase();
  wave.codeDwords = program.codeDwords();
  const bool preloads = kernel.preloadDwords > 0 && launch.options.kernargPreload;
  wave.pc = (launch.kernel.entry + (preloads ? kPreloadedEntryOffset : 0) - program.codeBase()) / 4;
  wave.current = wave.pc;
  wave.mode = initialMode(kernel);
  wave.hardwareId = 0;
  wave.gprIndex = 0;
  wave.skipsVector = false;
  wave.status = WaveStatus::running;
  wave.scratchBytes = kernel.scratchBytes;
  wave.index = index;
  wave.issued = 0;
  wave.clock = 0;
  writeConstants(wave);
  if (traits(launch.kernel.target).architectedFlatScratch) {
    wave.setScalar64(reg::flatScratchLo, reinterpret_cast<uint64_t>(wave.scratch));
  }
  writeUserScalars(wave, launch);
  writeWorkItems(wave, kernel, launch.geometry);
}

}  // namespace emulator
