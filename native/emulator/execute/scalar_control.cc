#include "execute/scalar_control.h"

#include <immintrin.h>

#include "execute/delivery.h"
#include "execute/float_mode.h"
#include "execute/scalar.h"
#include "isa/fields.h"

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

uint32_t source32(const Wave& wave, const Instruction& i, int index) {
  return scalarSource<uint32_t>(wave, i, index);
}
uint64_t source64(const Wave& wave, const Instruction& i, int index) {
  return scalarSource<uint64_t>(wave, i, index);
}

uint64_t addressOf(const Wave& wave, uint64_t index) { return wave.codeBase + 4 * index; }

void jump(Wave& wave, uint64_t index) {
  if (index >= wave.codeDwords)
    return raiseFault(wave, FaultKind::illegalInstruction, -1, addressOf(wave, index), 4,
                      "a jump out of the code object");
  wave.pc = index;
}

void jumpToAddress(Wave& wave, uint64_t address) {
  if (address & 3)
    return raiseFault(wave, FaultKind::illegalInstruction, -1, address, 4, "a jump to a misaligned address");
  jump(wave, (address - wave.codeBase) / 4);
}

void branchIf(bool taken, Wave& wave, const Instruction& i) {
  if (taken) jump(wave, wave.pc + static_cast<uint64_t>(int64_t{i.offset}));
}

}  // namespace

void addWithCarry(Wave& wave, const Instruction& i) {
  const uint64_t sum = uint64_t{source32(wave, i, 0)} + source32(wave, i, 1) + wave.scalar[reg::scc];
  wave.scalar[i.destination] = static_cast<uint32_t>(sum);
  wave.scalar[reg::scc] = sum >> 32 != 0;
}
void subtractWithBorrow(Wave& wave, const Instruction& i) {
  const uint64_t a = source32(wave, i, 0), b = uint64_t{source32(wave, i, 1)} + wave.scalar[reg::scc];
  wave.scalar[i.destination] = static_cast<uint32_t>(a - b);
  wave.scalar[reg::scc] = a < b;
}
void select32(Wave& wave, const Instruction& i) {
  wave.scalar[i.destination] = source32(wave, i, wave.scalar[reg::scc] ? 0 : 1);
}
void select64(Wave& wave, const Instruction& i) {
  wave.setScalar64(i.destination, source64(wave, i, wave.scalar[reg::scc] ? 0 : 1));
}
void conditionalMove32(Wave& wave, const Instruction& i) {
  if (wave.scalar[reg::scc]) wave.scalar[i.destination] = source32(wave, i, 0);
}
void conditionalMove64(Wave& wave, const Instruction& i) {
  if (wave.scalar[reg::scc]) wave.setScalar64(i.destination, source64(wave, i, 0));
}
void setBit32(Wave& wave, const Instruction& i) {
  wave.scalar[i.destination] |= 1u << (source32(wave, i, 0) & 31);
}
void clearBit32(Wave& wave, const Instruction& i) {
  wave.scalar[i.destination] &= ~(1u << (source32(wave, i, 0) & 31));
}
void setBit64(Wave& wave, const Instruction& i) {
  wave.setScalar64(i.destination, wave.scalar64(i.destination) | uint64_t{1} << (source32(wave, i, 0) & 63));
}
void clearBit64(Wave& wave, const Instruction& i) {
  wave.setScalar64(i.destination,
                   wave.scalar64(i.destination) & ~(uint64_t{1} << (source32(wave, i, 0) & 63)));
}

namespace {

/// The register `base` + M0, for s_movrel*; -1 (and a fault) where there is none.
int relative(Wave& wave, int base, int registers) {
  const uint64_t code = uint64_t{static_cast<uint32_t>(base)} + wave.scalar[reg::m0];
  constexpr uint64_t kScalarRegisters = 102;
  if (code + registers <= kScalarRegisters) return static_cast<int>(code);
  raiseFault(wave, FaultKind::illegalInstruction, -1, 0, 0, "M0 points outside of the scalar registers");
  return -1;
}

}  // namespace

void moveFromRelative32(Wave& wave, const Instruction& i) {
  const int code = relative(wave, i.source[0].code, 1);
  if (code >= 0) wave.scalar[i.destination] = wave.scalar[code];
}
void moveFromRelative64(Wave& wave, const Instruction& i) {
  const int code = relative(wave, i.source[0].code, 2);
  if (code >= 0) wave.setScalar64(i.destination, wave.scalar64(code));
}
void moveToRelative32(Wave& wave, const Instruction& i) {
  const int code = relative(wave, i.destination, 1);
  if (code >= 0) wave.scalar[code] = source32(wave, i, 0);
}
void moveToRelative64(Wave& wave, const Instruction& i) {
  const int code = relative(wave, i.destination, 2);
  if (code >= 0) wave.setScalar64(code, source64(wave, i, 0));
}

void moveConstant(Wave& wave, const Instruction& i) {
  wave.scalar[i.destination] = static_cast<uint32_t>(i.offset);
}
void conditionalMoveConstant(Wave& wave, const Instruction& i) {
  if (wave.scalar[reg::scc]) wave.scalar[i.destination] = static_cast<uint32_t>(i.offset);
}
void addConstant(Wave& wave, const Instruction& i) {
  int32_t sum;
  wave.scalar[reg::scc] =
      __builtin_add_overflow(static_cast<int32_t>(wave.scalar[i.destination]), i.offset, &sum);
  wave.scalar[i.destination] = static_cast<uint32_t>(sum);
}
void multiplyConstant(Wave& wave, const Instruction& i) {
  wave.scalar[i.destination] *= static_cast<uint32_t>(i.offset);
}

namespace {

// Hardware registers by number, and the fields of s_getreg's and s_setreg's constant.
enum HardwareRegister {
  kMode = 1,
  kStatus = 2,
  kTrapStatus = 3,
  kHardwareId = 4,
  kMemoryBases = 15,
  kXccId = 20
};

struct RegisterField {
  int number, offset;
  uint32_t mask;
  explicit RegisterField(const Instruction& i)
      : number(i.offset & 63),
        offset(i.offset >> 6 & 31),
        mask(static_cast<uint32_t>((uint64_t{1} << ((i.offset >> 11 & 31) + 1)) - 1)) {}
};

}  // namespace

void getRegister(Wave& wave, const Instruction& i) {
  const RegisterField field(i);
  uint32_t value = 0;
  switch (field.number) {
    case kMode:
      value = wave.mode;
      break;
    case kStatus:
      value = wave.scalar[reg::scc] | (wave.exec() == 0) << 9 | (wave.scalar64(reg::vccLo) == 0) << 10;
      break;
    case kHardwareId:
      value = wave.hardwareId;
      break;
    case kMemoryBases:
      value = static_cast<uint32_t>(kPrivateAperture >> 48 | kSharedAperture >> 48 << 16);
      break;
    case kTrapStatus:
    case kXccId:
      break;
    default:
      return raiseFault(wave, FaultKind::illegalInstruction, -1, 0, 0,
                        "the emulator does not model this hardware register");
  }
  wave.scalar[i.destination] = value >> field.offset & field.mask;
}

void setRegister(Wave& wave, const Instruction& i) {
  const RegisterField field(i);
  const uint32_t value = i.dwords == 2 ? i.literal : wave.scalar[i.destination];
  if (field.number == kTrapStatus) return;
  if (field.number != kMode)
    return raiseFault(wave, FaultKind::illegalInstruction, -1, 0, 0,
                      "the emulator does not model writes to this hardware register");
  const uint32_t mask = field.mask << field.offset;
  wave.mode = (wave.mode & ~mask) | (value << field.offset & mask);
  _mm_setcsr(mxcsr32(wave.mode));
}

void getProgramCounter(Wave& wave, const Instruction& i) {
  wave.setScalar64(i.destination, addressOf(wave, wave.pc));
}
void setProgramCounter(Wave& wave, const Instruction& i) { jumpToAddress(wave, source64(wave, i, 0)); }
void swapProgramCounter(Wave& wave, const Instruction& i) {
  const uint64_t target = source64(wave, i, 0);
  wave.setScalar64(i.destination, addressOf(wave, wave.pc));
  jumpToAddress(wave, target);
}
void call(Wave& wave, const Instruction& i) {
  wave.setScalar64(i.destination, addressOf(wave, wave.pc));
  branchIf(true, wave, i);
}
void branch(Wave& wave, const Instruction& i) { branchIf(true, wave, i); }
void branchIfScc0(Wave& wave, const Instruction& i) { branchIf(!wave.scalar[reg::scc], wave, i); }
void branchIfScc1(Wave& wave, const Instruction& i) { branchIf(wave.scalar[reg::scc], wave, i); }
void branchIfVccZero(Wave& wave, const Instruction& i) { branchIf(wave.scalar64(reg::vccLo) == 0, wave, i); }
void branchIfVccNotZero(Wave& wave, const Instruction& i) {
  branchIf(wave.scalar64(reg::vccLo) != 0, wave, i);
}
void branchIfExecZero(Wave& wave, const Instruction& i) { branchIf(wave.exec() == 0, wave, i); }
void branchIfExecNotZero(Wave& wave, const Instruction& i) { branchIf(wave.exec() != 0, wave, i); }

void endProgram(Wave& wave, const Instruction&) {
  finishAccesses(wave);
  if (wave.status != WaveStatus::faulted) wave.status = WaveStatus::ended;
}
void barrier(Wave& wave, const Instruction&) {
  settleAccesses(wave);
  wave.status = WaveStatus::atBarrier;
}

void waitCounters(Wave& wave, const Instruction& i) {
  // vmcnt has its upper two bits in 15:14, lgkmcnt lies in 11:8; expcnt counts nothing that kernels do.
  if (!wave.intercepts) return;
  const uint32_t fields = static_cast<uint32_t>(i.offset);
  waitForAccesses(wave, (fields & 15) | (fields >> 14 & 3) << 4, fields >> 8 & 15);
}

namespace {

/// Lets the run loop notice that instructions are modified from now on, or no longer.
void chooseLoop(Wave& wave) { wave.status = wave.isPlain() ? WaveStatus::running : WaveStatus::modified; }

}  // namespace

void setVectorSkip(Wave& wave, const Instruction& i) {
  wave.skipsVector = source32(wave, i, 0) >> (source32(wave, i, 1) & 31) & 1;
  chooseLoop(wave);
}

void setGprIndexOn(Wave& wave, const Instruction& i) {
  const uint32_t enables = i.source[1].code & 15;
  wave.scalar[reg::m0] = (wave.scalar[reg::m0] & 0xffff0f00) | (source32(wave, i, 0) & 0xff) | enables << 12;
  wave.gprIndex = 1 | enables << 12;
  chooseLoop(wave);
}
void setGprIndexOff(Wave& wave, const Instruction&) {
  wave.gprIndex = 0;
  chooseLoop(wave);
}
void setGprIndexMode(Wave& wave, const Instruction& i) {
  const uint32_t enables = static_cast<uint32_t>(i.offset) & 15;
  wave.scalar[reg::m0] = (wave.scalar[reg::m0] & 0xffff0fff) | enables << 12;
  if (wave.gprIndex) wave.gprIndex = 1 | enables << 12;
}
void setGprIndexValue(Wave& wave, const Instruction& i) {
  wave.scalar[reg::m0] = (wave.scalar[reg::m0] & 0xffffff00) | (source32(wave, i, 0) & 0xff);
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
