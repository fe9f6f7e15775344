#include "decode/engine.h"

#include <cstddef>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <type_traits>

#include "decode/clocks.h"
#include "decode/decoder.h"
#include "decode/disassembler.h"
#include "execute/float_mode.h"
#include "wave/workgroup.h"

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

/// Fills the entry at `wave.current` and returns its handler; null (and a fault) where nothing valid is
/// there. Entries are shared by all threads: whoever sees a handler sees the rest of the entry, too.
Execute decodeEntry(Wave& wave) {
  const uint64_t index = wave.current;
  Instruction decoded;
  const auto* words = reinterpret_cast<const uint32_t*>(wave.codeBase + 4 * index);
  if (index >= wave.codeDwords) {
    raiseFault(wave, FaultKind::illegalInstruction, -1, wave.codeBase + 4 * index, 4,
               "execution ran past the end of the code object");
    return nullptr;
  }
  if (!decode(wave.group->target, words, wave.codeDwords - index, &decoded)) {
    char detail[64];
    std::snprintf(detail, sizeof detail, "unknown encoding 0x%08x", words[0]);
    raiseFault(wave, FaultKind::illegalInstruction, -1, wave.codeBase + 4 * index, 4, detail);
    return nullptr;
  }
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  auto& entry = const_cast<Instruction&>(wave.code[index]);
  if (!entry.execute) {
    // All but the handler, which others may be looking at.
    static_assert(offsetof(Instruction, execute) == 0 && std::is_trivially_copyable_v<Instruction>);
    constexpr size_t kHandler = sizeof(Execute);
    std::memcpy(reinterpret_cast<uint8_t*>(&entry) + kHandler,
                reinterpret_cast<const uint8_t*>(&decoded) + kHandler, sizeof(Instruction) - kHandler);
    __atomic_store_n(&entry.execute, decoded.execute, __ATOMIC_RELEASE);
  }
  return entry.execute;
}

inline Execute handlerOf(Wave& wave, const Instruction& instruction) {
  const Execute execute = __atomic_load_n(&instruction.execute, __ATOMIC_ACQUIRE);
  return __builtin_expect(execute != nullptr, 1) ? execute : decodeEntry(wave);
}

template <bool kCount>
uint64_t runPlain(Wave& wave, uint64_t budget, uint64_t* counts) {
  uint64_t executed = 0;
  while (executed < budget) {
    const uint64_t index = wave.pc;
    const Instruction& instruction = wave.code[index];
    wave.current = index;
    const Execute execute = handlerOf(wave, instruction);
    if (!execute) break;
    wave.pc = index + instruction.dwords;
    executed++;
    if (kCount) {
      counts[index]++;
      wave.issued++;
    }
    execute(wave, instruction);
    if (wave.status != WaveStatus::running) break;
  }
  return executed;
}

/// Moves the registers of a vector instruction by M0's index, where s_set_gpr_idx enables that. False where
/// one leaves the register file.
bool applyGprIndex(const Wave& wave, Instruction* instruction) {
  if (!instruction->opcode->vector) return true;
  const uint32_t index = wave.scalar[reg::m0] & 0xff, enables = wave.gprIndex >> 12;
  constexpr uint32_t kRegisters = 256;
  const auto move = [index](uint16_t* code) {
    *code = static_cast<uint16_t>(*code + index);
    return *code < 256 + kRegisters;
  };
  for (int k = 0; k < 3; k++)
    if (enables >> k & 1 && instruction->source[k].isVector() && !move(&instruction->source[k].code))
      return false;
  const bool writesVector = instruction->destination >= 256;
  return !(enables >> 3 & 1) || !writesVector || move(&instruction->destination);
}

/// What s_setvskip passes over: VOP*, DS, FLAT and MUBUF.
bool isSkipped(const Instruction& instruction) {
  switch (instruction.opcode->cls) {
    case InstructionClass::vector:
    case InstructionClass::transcendental:
    case InstructionClass::matrix:
    case InstructionClass::lds:
    case InstructionClass::vectorMemory:
      return true;
    default:
      return false;
  }
}

/// One instruction under s_set_gpr_idx or s_setvskip; false where it could not be executed.
bool stepModified(Wave& wave, uint64_t* counts) {
  const uint64_t index = wave.pc;
  wave.current = index;
  if (!handlerOf(wave, wave.code[index])) return false;
  Instruction moved = wave.code[index];
  wave.pc = index + moved.dwords;
  if (wave.skipsVector && isSkipped(moved)) return true;
  if (counts) {
    counts[index]++;
    wave.issued++;
  }
  if (wave.gprIndex && !applyGprIndex(wave, &moved)) {
    raiseFault(wave, FaultKind::illegalInstruction, -1, 0, 0, "s_set_gpr_idx leaves the vector registers");
    return false;
  }
  moved.execute(wave, moved);
  return true;
}

uint64_t run(Wave& wave, uint64_t budget, uint64_t* counts) {
  const ScopedMxcsr floatMode(mxcsr32(wave.mode));
  if (!wave.isPlain() && wave.status == WaveStatus::running) wave.status = WaveStatus::modified;
  uint64_t executed = 0;
  while (executed < budget) {
    if (wave.status == WaveStatus::running)
      executed += counts ? runPlain<true>(wave, budget - executed, counts)
                         : runPlain<false>(wave, budget - executed, counts);
    else if (wave.status == WaveStatus::modified && stepModified(wave, counts))
      executed++;
    else
      break;
  }
  if (wave.status == WaveStatus::modified) wave.status = WaveStatus::running;
  return executed;
}

}  // namespace

#define EMULATOR_TEXT(name) #name
#define EMULATOR_NAME(name) EMULATOR_TEXT(name)

const Engine& levelEngine() {
  static const Engine engine{EMULATOR_NAME(EMULATOR_LEVEL), decode, disassemble, clocks, run};
  return engine;
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
