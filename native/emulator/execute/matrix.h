#pragma once

#include "wave/wave.h"

// The matrix instructions (MFMA): D = C + A * B on the registers of a whole wave; EXEC has no say.
//
// Operands: source[0] A, source[1] B, source[2] C (a register block or an inline constant), destination D,
// with the ACC bits resolved; `matrix` has the rest.

namespace emulator {
namespace EMULATOR_LEVEL {

/// Floating-point products with f32 results. `rows` is 4, 16 or 32.
template <int kRows>
void matrixFloat(Wave& wave, const Instruction& instruction);
/// Integer products with i32 results.
void matrixInteger(Wave& wave, const Instruction& instruction);
/// v_mfma_f64_16x16x4.
void matrixDouble(Wave& wave, const Instruction& instruction);

void accumulationRead(Wave& wave, const Instruction& instruction);
void accumulationWrite(Wave& wave, const Instruction& instruction);

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
