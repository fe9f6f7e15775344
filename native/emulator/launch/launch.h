#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "code_object/code_object.h"
#include "isa/program.h"
#include "launch/options.h"
#include "memory/address_space.h"
#include "wave/tally.h"
#include "wave/workgroup.h"

namespace emulator {

/// A kernel of a loaded module: what a launch needs of it. The module outlives its launches.
struct LoadedKernel {
  const KernelDescriptor* descriptor;
  const Program* program;
  Target target;
  uint64_t entry;  ///< device address
};

/// The shape of a launch.
struct Geometry {
  uint32_t grid[3];   ///< workgroups
  uint32_t block[3];  ///< work-items of one
  uint32_t dynamicLdsBytes;

  uint32_t blockSize() const { return block[0] * block[1] * block[2]; }
  uint64_t workgroups() const { return uint64_t{grid[0]} * grid[1] * grid[2]; }
};

/// How many workgroups of `blockSize` work-items and `ldsBytes` of LDS a compute unit runs at once, by its
/// vector and scalar registers and its LDS.
uint32_t workgroupsPerComputeUnit(const KernelDescriptor& kernel, Target target, uint32_t blockSize,
                                  uint64_t ldsBytes);

/// One launch while it runs.
struct Launch {
  LoadedKernel kernel;
  Geometry geometry;
  Options options;
  uint64_t kernargAddress;  ///< the kernarg segment; the dispatch packet lies behind it, at packetAddress
  uint64_t packetAddress;
  uint32_t xcds;  ///< workgroups go to them in turn
  std::shared_ptr<const AddressMap> memory;
  const std::atomic<bool>* cancelled;  ///< the device is being closed: stop soon, results do not matter

  std::mutex faultMutex;
  std::unique_ptr<Fault> fault;  ///< of the lowest workgroup that has failed so far
  uint64_t faultedWorkgroup = ~uint64_t{0};
  std::atomic<bool> stop{false};
  std::unique_ptr<Tallies> tallies;  ///< null where nothing is counted
};

/// Bytes of the dispatch packet (hsa_kernel_dispatch_packet_t) that a kernel may ask for.
constexpr uint32_t kPacketBytes = 64;

/// Fills the hidden arguments (code object v5/v6) of a kernarg segment of `descriptor.kernargBytes` bytes.
void writeHiddenArguments(const KernelDescriptor& descriptor, const Geometry& geometry, uint8_t* kernarg);
void writeDispatchPacket(const KernelDescriptor& descriptor, const Geometry& geometry,
                         uint64_t kernargAddress, uint8_t* packet);

/// Sets up wave `index` of the workgroup as the hardware does before its first instruction. `wave.lds`,
/// `scratch`, `group` and `pending` are the caller's.
void initialise(Wave& wave, const Launch& launch, uint32_t index);

/// Runs one workgroup, by its number in the grid (x fastest), on this thread.
void runWorkgroup(Launch& launch, uint64_t number);

/// The fault as people read it: what happened, where in the launch, at which instruction, next to which
/// memory.
std::string describe(const Launch& launch);

}  // namespace emulator
