#pragma once

#include <cstddef>

#include "isa/instruction.h"

namespace emulator {
namespace EMULATOR_LEVEL {

/// Engine::disassemble: "v_add_f32_e64 v1, -v2, |s3|". The mnemonic is llvm-objdump's; operands are written
/// for scalar and vector ALU instructions, without those modifiers that an encoding suffix implies.
void disassemble(const Instruction& instruction, char* text, size_t size);

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
