// Prints the name of the best level of the engine that this processor can run: what EMULATOR_LEVELS=native
// builds.
#include <cstdio>

#include "decode/processor_level.h"

int main() {
  const int level = emulator::processorLevel();
  std::puts(level == 4 ? "x86_64_v4" : level == 3 ? "x86_64_v3" : "x86_64");
}
