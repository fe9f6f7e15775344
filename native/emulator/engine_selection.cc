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

const Engine& engine() {
  static const Engine& best = __builtin_cpu_supports("x86-64-v4")   ? x86_64_v4::levelEngine()
                              : __builtin_cpu_supports("x86-64-v3") ? x86_64_v3::levelEngine()
                                                                    : x86_64::levelEngine();
  return best;
}

}  // namespace emulator
