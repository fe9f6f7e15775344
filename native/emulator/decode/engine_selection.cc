#include <atomic>
#include <cstdlib>
#include <cstring>

#include "decode/engine.h"

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

/// The named level, or the best one; null where the CPU lacks it.
const Engine* find(const char* level) {
  const Engine* levels[] = {&x86_64_v4::levelEngine(), &x86_64_v3::levelEngine(), &x86_64::levelEngine()};
  const bool runs[] = {__builtin_cpu_supports("x86-64-v4") != 0, __builtin_cpu_supports("x86-64-v3") != 0,
                       true};
  for (int i = 0; i < 3; i++) {
    const bool wanted = std::strcmp(level, "best") == 0 || std::strcmp(level, levels[i]->level) == 0;
    if (runs[i] && wanted) return levels[i];
  }
  return nullptr;
}

std::atomic<const Engine*>& selected() {
  static std::atomic<const Engine*> engine{[] {
    const char* level = std::getenv("ROCM_EMULATOR_CPU");
    const Engine* wanted = level ? find(level) : nullptr;
    return wanted ? wanted : find("best");
  }()};
  return engine;
}

}  // namespace

const Engine& engine() { return *selected().load(std::memory_order_relaxed); }

bool selectEngine(const char* level) {
  const Engine* wanted = find(level);
  if (wanted) selected() = wanted;
  return wanted != nullptr;
}

}  // namespace emulator
