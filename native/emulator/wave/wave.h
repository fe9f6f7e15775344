#pragma once

#include <cstddef>
#include <cstdint>

#include "isa/instruction.h"
#include "isa/target.h"

namespace emulator {

struct Workgroup;
struct PendingAccesses;  // execute/delivery.h
struct Tally;            // wave/tally.h

/// Where flat addresses see LDS and private memory (SH_MEM_BASES of gfx9): 4 GiB each, above any host
/// address.
constexpr uint64_t kSharedAperture = uint64_t{1} << 48, kPrivateAperture = uint64_t{2} << 48;
constexpr uint64_t kApertureBytes = uint64_t{1} << 32;

/// Where kernels find what the host would serve (hidden arguments): addresses that nothing has.
constexpr uint64_t kHostCallBuffer = uint64_t{3} << 46, kDeviceHeap = kHostCallBuffer + kApertureBytes;

/// Operand encodings with a name. Wave::scalar is indexed by them.
namespace reg {
constexpr int flatScratchLo = 102, vccLo = 106, vccHi = 107, m0 = 124, execLo = 126, execHi = 127;
constexpr int inlineIntegers = 128, sharedBase = 235, sharedLimit = 236, privateBase = 237,
              privateLimit = 238;
constexpr int inlineFloats = 240, vccz = 251, execz = 252, scc = 253, literal = 255;
}  // namespace reg

/// Fields of the MODE register.
namespace mode {
constexpr int round32Shift = 0, round64Shift = 2, denormal32Shift = 4, denormal64Shift = 6;
constexpr uint32_t dx10Clamp = 1u << 8, ieee = 1u << 9, fp16Overflow = 1u << 23;
/// A denormal field's bits: sources and results may be denormal (else they are flushed to zero).
constexpr uint32_t keepSources = 1, keepResults = 2;
}  // namespace mode

enum class WaveStatus : uint8_t {
  running,
  atBarrier,
  ended,
  faulted,
  modified,  ///< running under s_set_gpr_idx or s_setvskip; only seen inside Engine::run
};

/// One wave of 64 lanes: everything an instruction can see or change.
struct alignas(64) Wave {
  /// v0..v255, then a0..a255; a register is its 64 lanes.
  uint32_t vector[512][kLanes];
  /// Scalar registers and constants by operand encoding (0..255), so that a scalar source is one load.
  /// Read-only codes (inline constants) are filled when the wave starts.
  uint32_t scalar[256];

  const Instruction* code;  ///< decoded program: entry i belongs to the dword at codeBase + 4*i
  uint64_t codeBase;        ///< device address of entry 0
  uint64_t codeDwords;
  uint64_t pc;          ///< index into `code` of the next instruction
  uint64_t current;     ///< index into `code` of the instruction being executed: for faults and traces
  uint32_t mode;        ///< MODE register, see mode:: below
  uint32_t hardwareId;  ///< what s_getreg_b32 reads as HW_ID: 0 unless a schedule wants to tell waves apart
  uint32_t gprIndex;  ///< s_set_gpr_idx: 0 off, else 1 | M0's enable bits << 12 (source 0, 1, 2, destination)
  bool skipsVector;   ///< s_setvskip: vector and vector memory instructions are passed over
  WaveStatus status;

  /// Whether instructions are executed as they stand.
  bool isPlain() const { return !gprIndex && !skipsVector; }

  uint8_t* lds;  ///< the workgroup's LDS
  uint32_t ldsBytes;
  uint8_t* ldsWritten;  ///< as Allocation::written; null where nobody keeps account
  /// This wave's private memory, 64 * scratchBytes, swizzled by dwords as the hardware does it (so that a
  /// buffer descriptor with add_tid_enable, scratch_* and flat_* see the same bytes): byte `offset` of `lane`
  /// lies at (offset / 4) * 256 + lane * 4 + offset % 4.
  uint8_t* scratch;
  uint32_t scratchBytes;  ///< per lane
  uint32_t index;         ///< of this wave in its workgroup
  Workgroup* group;
  /// Late delivery: memory instructions that have been issued and take effect at the s_waitcnt that covers
  /// them. Null (the default): they take effect at once.
  PendingAccesses* pending;
  Tally* tally;     ///< what counts memory accesses; null: nobody does
  bool intercepts;  ///< one of the two is set: `issue` takes the long way
  uint64_t issued;  ///< instructions executed so far, while somebody counts them
  uint64_t clock;   ///< what s_memtime reads next; counted per wave, so that results never depend on time

  uint64_t exec() const { return scalar[reg::execLo] | uint64_t{scalar[reg::execHi]} << 32; }
  void setExec(uint64_t mask) { setScalar64(reg::execLo, mask); }
  uint64_t scalar64(int code) const { return scalar[code] | uint64_t{scalar[code + 1]} << 32; }
  void setScalar64(int code, uint64_t value) {
    scalar[code] = static_cast<uint32_t>(value);
    scalar[code + 1] = static_cast<uint32_t>(value >> 32);
  }
};

enum class FaultKind : uint8_t {
  illegalAddress,
  illegalInstruction,
  misaligned,
  ldsOutOfRange,
  uninitialised,
  instructionLimit,
  trap,         ///< `address` is its number
  hostService,  ///< an access to what the host would serve
};

/// Stops `wave` at the instruction being executed (`wave.current`); the workgroup's run ends and the launch
/// fails with a report (kernel, workgroup, wave, lane, pc, instruction, address, nearest allocation).
/// Handlers return right after it. `lane` is -1 where no single lane is to blame; `detail` is copied.
void raiseFault(Wave& wave, FaultKind kind, int lane, uint64_t address, size_t bytes, const char* detail);

}  // namespace emulator
