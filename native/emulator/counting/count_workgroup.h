#pragma once

#include "wave/tally.h"

namespace emulator {

/// Counts all of a launch: accesses, waits, and each workgroup by itself.
extern const CountingCalls kFullCounting;

}  // namespace emulator
