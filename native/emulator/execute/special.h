#pragma once

#include "execute/operands.h"

// Vector instructions that are more than a function of one lane: they read or write masks, exchange lanes, or
// depend on the lane's number.

namespace emulator {
namespace EMULATOR_LEVEL {

void nothing(Wave& wave, const Instruction& instruction);

/// v_cndmask_b32: source 2 is the mask.
void conditionalMove(Wave& wave, const Instruction& instruction);
void conditionalMovePlain(Wave& wave, const Instruction& instruction);
/// Additions and subtractions with a carry out, and a carry in from source 2.
void addCarryOut(Wave& wave, const Instruction& instruction);
void subtractBorrowOut(Wave& wave, const Instruction& instruction);
void reverseSubtractBorrowOut(Wave& wave, const Instruction& instruction);
void addCarry(Wave& wave, const Instruction& instruction);
void subtractBorrow(Wave& wave, const Instruction& instruction);
void reverseSubtractBorrow(Wave& wave, const Instruction& instruction);
void madU64U32(Wave& wave, const Instruction& instruction);
void madI64I32(Wave& wave, const Instruction& instruction);
/// v_perm_b32 and v_lshl_add_u64 without modifiers, and with a scalar operand.
void permuteBytesUniform(Wave& wave, const Instruction& instruction);
void shiftLeftAddU64Uniform(Wave& wave, const Instruction& instruction);
void bitOperation3(Wave& wave, const Instruction& instruction);
void maskedQuadSadU32(Wave& wave, const Instruction& instruction);
/// Counts the bits of source 0 below the lane: bits 0..31 (lo) or 32..63 (hi) of a mask.
void maskedBitCountLow(Wave& wave, const Instruction& instruction);
void maskedBitCountHigh(Wave& wave, const Instruction& instruction);

void readFirstLane(Wave& wave, const Instruction& instruction);
void readLane(Wave& wave, const Instruction& instruction);
void writeLane(Wave& wave, const Instruction& instruction);
void swapRegisters(Wave& wave, const Instruction& instruction);
void swapRows16(Wave& wave, const Instruction& instruction);
void swapRows32(Wave& wave, const Instruction& instruction);

/// The first steps of an IEEE division: scaling (VCC or the scalar destination tells which lanes were scaled)
/// and the last multiply-add (undoes the scaling where VCC is set).
void divideScaleF32(Wave& wave, const Instruction& instruction);
void divideScaleF64(Wave& wave, const Instruction& instruction);
void divideMultiplyAddF32(Wave& wave, const Instruction& instruction);
void divideMultiplyAddF64(Wave& wave, const Instruction& instruction);

/// v_cvt_pkaccum_u8_f32: writes one byte of the destination.
void packAccumulateU8(Wave& wave, const Instruction& instruction);

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
