#pragma once

#include "execute/operands.h"

// VOP3P instructions (and their VOP2 relatives that accumulate into the destination) that do not work on each
// half separately.

namespace emulator {
namespace EMULATOR_LEVEL {

void packedMove(Wave& wave, const Instruction& instruction);

/// Multiply-add in binary32 of sources that are each binary32 or a half (op_sel_hi says which); here
/// Operand::absolute is abs.
void mixF32(Wave& wave, const Instruction& instruction);
void mixLowF16(Wave& wave, const Instruction& instruction);
void mixHighF16(Wave& wave, const Instruction& instruction);

void dot2F32F16(Wave& wave, const Instruction& instruction);
void dot2F32Bf16(Wave& wave, const Instruction& instruction);
void dot2I32I16(Wave& wave, const Instruction& instruction);
void dot2U32U16(Wave& wave, const Instruction& instruction);
void dot4I32I8(Wave& wave, const Instruction& instruction);
void dot4U32U8(Wave& wave, const Instruction& instruction);
void dot8I32I4(Wave& wave, const Instruction& instruction);
void dot8U32U4(Wave& wave, const Instruction& instruction);

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
