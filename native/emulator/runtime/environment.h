#pragma once

#include <string>

namespace emulator {

/// A sentence on the first ROCM_EMULATOR_* variable of the process that does not exist or does not take its
/// value; "" where there is none. What is set wrongly must not go unnoticed: no device is made then.
const std::string& environmentMistake();

}  // namespace emulator
