#include <cstdlib>
#include <cstring>

#include "engine.h"

namespace emulator {

namespace x86_64 {
const Engine& levelEngine();
}
namespace x86_64_v3 {
const Engine& levelEngine();
}
namespace x86_64_v4 {
const Engine& levelEngine();
}

namespace {

/// The best level that the CPU has, or the lower one that ROCM_EMULATOR_CPU names ("x86_64", "x86_64_v3"): a
/// test compares their bits.
const Engine& select() {
  const Engine* levels[] = {&x86_64_v4::levelEngine(), &x86_64_v3::levelEngine(), &x86_64::levelEngine()};
  const bool runs[] = {__builtin_cpu_supports("x86-64-v4") != 0, __builtin_cpu_supports("x86-64-v3") != 0,
                       true};
  const char* wanted = std::getenv("ROCM_EMULATOR_CPU");
  for (int i = 0; i < 3; i++)
    if (runs[i] && wanted && std::strcmp(wanted, levels[i]->level) == 0) return *levels[i];
  for (int i = 0; i < 3; i++)
    if (runs[i]) return *levels[i];
  return *levels[2];
}

}  // namespace

const Engine& engine() {
  static const Engine& selected = select();
  return selected;
}

}  // namespace emulator
