#pragma once

namespace emulator {

/// The address of a function that this library exports, by its name; null where there is none.
void* exportedFunction(const char* name);

}  // namespace emulator
