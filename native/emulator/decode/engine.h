#pragma once

#include <cstddef>
#include <cstdint>

#include "isa/instruction.h"
#include "isa/target.h"
#include "wave/wave.h"

namespace emulator {

/// The part of the emulator that is compiled once per CPU level (x86-64, x86-64-v3, x86-64-v4): decoding,
/// because it binds handlers, and execution. Every level gives the same bits.
struct Engine {
  const char* level;
  /// Decodes the instruction at `words` (up to `available` dwords may be read). False where the encoding is
  /// unknown.
  bool (*decode)(Target target, const uint32_t* words, uint64_t available, Instruction* out);
  /// Writes the instruction's text as llvm-objdump prints it (mnemonic with encoding suffix, registers and
  /// constants of its operands) into `text`, always ended by a zero.
  void (*disassemble)(const Instruction& instruction, char* text, size_t size);
  /// The clocks for which one execution occupies its SIMD's vector or matrix ALU; 0 for other instructions.
  uint32_t (*clocks)(Target target, const Instruction& instruction);
  /// Runs `wave` until it is no longer running or has executed `budget` instructions; returns how many it
  /// executed. Entries of `wave.code` that are undecoded (Program) are decoded on the way, safely beside
  /// other threads. `counts`, where not null, has one counter per dword of code.
  uint64_t (*run)(Wave& wave, uint64_t budget, uint64_t* counts);
};

/// The level in use: the best one that this CPU has, unless ROCM_EMULATOR_CPU names a lower one ("x86_64",
/// "x86_64_v3", "x86_64_v4").
const Engine& engine();

/// Takes another level ("best": the best one) for what is decoded and run from now on. What has been decoded
/// keeps its handlers, so a comparison of levels loads its modules anew. False where the CPU lacks it.
bool selectEngine(const char* level);

/// Whether that is the name of a level, whatever was built and whatever the CPU has.
bool isEngineLevel(const char* name);

/// Whether the emulator has code for the level of that name, whatever the CPU has.
bool isEngineBuilt(const char* name);

/// Whether the emulator has code for a level that the CPU has. Without it no device can be opened.
bool hasEngine();

}  // namespace emulator
