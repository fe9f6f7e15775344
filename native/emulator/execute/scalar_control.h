#pragma once

#include "isa/instruction.h"
#include "wave/wave.h"

// Scalar instructions on the wave's own state: SCC, EXEC, program counter, hardware registers.

namespace emulator {
namespace EMULATOR_LEVEL {

void addWithCarry(Wave& wave, const Instruction& instruction);
void subtractWithBorrow(Wave& wave, const Instruction& instruction);
void select32(Wave& wave, const Instruction& instruction);
void select64(Wave& wave, const Instruction& instruction);
void conditionalMove32(Wave& wave, const Instruction& instruction);
void conditionalMove64(Wave& wave, const Instruction& instruction);
void setBit32(Wave& wave, const Instruction& instruction);
void setBit64(Wave& wave, const Instruction& instruction);
void clearBit32(Wave& wave, const Instruction& instruction);
void clearBit64(Wave& wave, const Instruction& instruction);
void moveFromRelative32(Wave& wave, const Instruction& instruction);
void moveFromRelative64(Wave& wave, const Instruction& instruction);
void moveToRelative32(Wave& wave, const Instruction& instruction);
void moveToRelative64(Wave& wave, const Instruction& instruction);

/// destination = EXEC, EXEC = F(source, EXEC), SCC = EXEC is not 0.
template <auto F>
void saveExec(Wave& wave, const Instruction& instruction);
/// EXEC and destination = F(source, EXEC), SCC = it is not 0.
template <auto F>
void writeExec(Wave& wave, const Instruction& instruction);

// SOPK: the 16-bit constant is Instruction::offset.
void moveConstant(Wave& wave, const Instruction& instruction);
void conditionalMoveConstant(Wave& wave, const Instruction& instruction);
void addConstant(Wave& wave, const Instruction& instruction);
void multiplyConstant(Wave& wave, const Instruction& instruction);
void getRegister(Wave& wave, const Instruction& instruction);
void setRegister(Wave& wave, const Instruction& instruction);

void getProgramCounter(Wave& wave, const Instruction& instruction);
void setProgramCounter(Wave& wave, const Instruction& instruction);
void swapProgramCounter(Wave& wave, const Instruction& instruction);
void call(Wave& wave, const Instruction& instruction);
void branch(Wave& wave, const Instruction& instruction);
void branchIfScc0(Wave& wave, const Instruction& instruction);
void branchIfScc1(Wave& wave, const Instruction& instruction);
void branchIfVccZero(Wave& wave, const Instruction& instruction);
void branchIfVccNotZero(Wave& wave, const Instruction& instruction);
void branchIfExecZero(Wave& wave, const Instruction& instruction);
void branchIfExecNotZero(Wave& wave, const Instruction& instruction);

void endProgram(Wave& wave, const Instruction& instruction);
void barrier(Wave& wave, const Instruction& instruction);
void waitCounters(Wave& wave, const Instruction& instruction);

/// s_set_gpr_idx_*: the run loop applies the mode to the instructions that follow.
void setVectorSkip(Wave& wave, const Instruction& i);
void setGprIndexOn(Wave& wave, const Instruction& instruction);
void setGprIndexOff(Wave& wave, const Instruction& instruction);
void setGprIndexMode(Wave& wave, const Instruction& instruction);
void setGprIndexValue(Wave& wave, const Instruction& instruction);

}  // namespace EMULATOR_LEVEL
}  // namespace emulator

#include "execute/scalar.h"

namespace emulator {
namespace EMULATOR_LEVEL {

template <auto F>
void saveExec(Wave& wave, const Instruction& i) {
  const uint64_t source = scalarSource<uint64_t>(wave, i, 0), exec = wave.exec();
  wave.setScalar64(i.destination, exec);
  const uint64_t result = F(source, exec);
  wave.setExec(result);
  wave.scalar[reg::scc] = result != 0;
}

template <auto F>
void writeExec(Wave& wave, const Instruction& i) {
  const uint64_t result = F(scalarSource<uint64_t>(wave, i, 0), wave.exec());
  wave.setScalar64(i.destination, result);
  wave.setExec(result);
  wave.scalar[reg::scc] = result != 0;
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
