#pragma once

#include <string>

#include "launch/launch.h"

namespace emulator {

/// What a launch that has ended was counted to do, as the JSON object that lib/device/emulator.ts describes.
std::string countersText(const Launch& launch);

}  // namespace emulator
