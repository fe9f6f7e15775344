#pragma once

#include "execute/access.h"

namespace emulator {

/// Counts one access on its way through `issue` in `wave.tally`.
void countAccess(const Wave& wave, const Instruction& instruction, const Access& access);

}  // namespace emulator
