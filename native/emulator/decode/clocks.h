#pragma once

#include "isa/instruction.h"
#include "isa/target.h"

namespace emulator {
namespace EMULATOR_LEVEL {

/// Engine::clocks.
uint32_t clocks(Target target, const Instruction& instruction);

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
