#include <cinttypes>
#include <cstdarg>
#include <cstdio>

#include "decode/engine.h"
#include "launch/launch.h"

namespace emulator {
namespace {

std::string format(const char* pattern, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text, sizeof text, pattern, arguments);
  va_end(arguments);
  return text;
}

/// The text of the instruction at a device address; its words where they are no instruction.
std::string instructionAt(const Launch& launch, uint64_t pc) {
  const Program& program = *launch.kernel.program;
  const uint64_t index = (pc - program.codeBase()) / 4;
  if (pc < program.codeBase() || index >= program.codeDwords()) return "outside the code";
  const auto* words = reinterpret_cast<const uint32_t*>(pc);
  Instruction instruction;
  if (!engine().decode(launch.kernel.target, words, program.codeDwords() - index, &instruction)) {
    return format("unknown encoding 0x%08x", words[0]);
  }
  char text[256];
  engine().disassemble(instruction, text, sizeof text);
  return text;
}

std::string whatHappened(const Launch& launch, const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::illegalAddress:
      return format(
          "illegal access of %" PRIu64 " bytes at 0x%" PRIx64 " (%s)", fault.bytes, fault.address,
          fault.detail.empty() ? launch.memory->describe(fault.address).c_str() : fault.detail.c_str());
    case FaultKind::misaligned:
      return format("misaligned access of %" PRIu64 " bytes at 0x%" PRIx64, fault.bytes, fault.address);
    case FaultKind::ldsOutOfRange:
      return format("access of %" PRIu64 " bytes at offset %" PRIu64 " of %u bytes of LDS", fault.bytes,
                    fault.address, launch.kernel.descriptor->ldsBytes + launch.geometry.dynamicLdsBytes);
    case FaultKind::uninitialised:
      return format("read of %" PRIu64 " bytes that nobody has written, at ", fault.bytes) +
             (fault.detail.empty() ? format("0x%" PRIx64 " (%s)", fault.address,
                                            launch.memory->describe(fault.address).c_str())
                                   : format("offset %" PRIu64 " of %s", fault.address, fault.detail.c_str()));
    case FaultKind::trap:
      return format("trap %" PRIu64 " (%s)", fault.address, fault.detail.c_str());
    case FaultKind::hostService:
      return format("call of the host (%s), which the emulator does not model",
                    fault.address < kDeviceHeap ? "printf, or the message of an assertion that failed"
                                                : "malloc or free of device code");
    case FaultKind::illegalInstruction:
    case FaultKind::instructionLimit:
      break;
  }
  const char* what =
      fault.kind == FaultKind::illegalInstruction ? "illegal instruction" : "instruction limit reached";
  return fault.detail.empty() ? what : format("%s (%s)", what, fault.detail.c_str());
}

}  // namespace

std::string describe(const Launch& launch) {
  const Fault& fault = *launch.fault;
  const Geometry& shape = launch.geometry;
  const uint64_t number = launch.faultedWorkgroup;
  std::string text = whatHappened(launch, fault);
  text += format("\n  kernel      %s, grid %u x %u x %u of %u x %u x %u work-items",
                 launch.kernel.descriptor->name.c_str(), shape.grid[0], shape.grid[1], shape.grid[2],
                 shape.block[0], shape.block[1], shape.block[2]);
  text += format("\n  workgroup   (%u, %u, %u), wave %u", static_cast<unsigned>(number % shape.grid[0]),
                 static_cast<unsigned>(number / shape.grid[0] % shape.grid[1]),
                 static_cast<unsigned>(number / shape.grid[0] / shape.grid[1]), fault.wave);
  if (fault.lane >= 0) text += format(", lane %d", fault.lane);
  text += format("\n  pc          +0x%" PRIx64 "  %s", fault.pc - launch.kernel.entry,
                 instructionAt(launch, fault.pc).c_str());
  return text;
}

}  // namespace emulator
