#pragma once

#include "wave/wave.h"

namespace emulator {
namespace EMULATOR_LEVEL {

/// Executes what is known but not modelled: raises an illegal-instruction fault that names it.
void notModelled(Wave& wave, const Instruction& instruction);
/// The same where the instruction is modelled, but not with its modifiers.
void modifiersNotModelled(Wave& wave, const Instruction& instruction);
/// s_trap: ends the kernel as a debugger would find it.
void trap(Wave& wave, const Instruction& instruction);

inline bool isModelled(Execute execute) { return execute != notModelled && execute != modifiersNotModelled; }

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
