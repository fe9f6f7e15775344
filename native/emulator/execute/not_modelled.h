#pragma once

#include "wave/wave.h"

namespace emulator {
namespace EMULATOR_LEVEL {

/// Executes what is known but not modelled: raises an illegal-instruction fault that names it.
void notModelled(Wave& wave, const Instruction& instruction);

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
