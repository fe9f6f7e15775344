#include <cstring>

#include "launch/launch.h"

namespace emulator {
namespace {

/// The value of a hidden argument, by its name behind "hidden_"; of others than these it is zero.
uint64_t hiddenValue(const std::string& name, const Geometry& geometry) {
  const auto axis = [&](const uint32_t(&values)[3]) -> uint64_t { return values[name.back() - 'x']; };
  const auto isPerAxis = [&](const char* stem) {
    return name.rfind(stem, 0) == 0 && name.back() >= 'x' && name.back() <= 'z';
  };
  if (isPerAxis("block_count_")) return axis(geometry.grid);
  if (isPerAxis("group_size_")) return axis(geometry.block);
  if (name == "dynamic_lds_size") return geometry.dynamicLdsBytes;
  if (name == "grid_dims") {
    return geometry.grid[2] * geometry.block[2] > 1 ? 3 : geometry.grid[1] * geometry.block[1] > 1 ? 2 : 1;
  }
  if (name == "private_base") return kPrivateAperture >> 32;
  if (name == "shared_base") return kSharedAperture >> 32;
  if (name == "hostcall_buffer" || name == "printf_buffer") return kHostCallBuffer;
  if (name == "heap_v1") return kDeviceHeap;
  return 0;
}

}  // namespace

void writeHiddenArguments(const KernelDescriptor& descriptor, const Geometry& geometry, uint8_t* kernarg) {
  for (const KernelArgument& argument : descriptor.arguments) {
    if (argument.kind.rfind("hidden_", 0) != 0 || argument.bytes > 8) continue;
    if (uint64_t{argument.offset} + argument.bytes > descriptor.kernargBytes) continue;
    const uint64_t value = hiddenValue(argument.kind.substr(7), geometry);
    std::memcpy(kernarg + argument.offset, &value, argument.bytes);
  }
}

void writeDispatchPacket(const KernelDescriptor& descriptor, const Geometry& geometry,
                         uint64_t kernargAddress, uint8_t* packet) {
  struct Packet {
    uint16_t header, setup, block[3], reserved0;
    uint32_t grid[3], privateBytes, groupBytes;
    uint64_t kernelObject, kernargAddress, reserved1, completionSignal;
  } fields = {};
  static_assert(sizeof(Packet) == kPacketBytes);
  fields.header = 2;  // HSA_PACKET_TYPE_KERNEL_DISPATCH
  fields.setup = 3;   // dimensions
  for (int i = 0; i < 3; i++) {
    fields.block[i] = static_cast<uint16_t>(geometry.block[i]);
    fields.grid[i] = geometry.grid[i] * geometry.block[i];
  }
  fields.privateBytes = descriptor.scratchBytes;
  fields.groupBytes = descriptor.ldsBytes + geometry.dynamicLdsBytes;
  fields.kernargAddress = kernargAddress;
  std::memcpy(packet, &fields, sizeof fields);
}

}  // namespace emulator
