#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "decode/engine.h"
#include "decode/processor_level.h"

namespace emulator {

// A level that the build leaves out (EMULATOR_LEVELS) has no such function: its address is null.
namespace x86_64 {
[[gnu::weak]] const Engine& levelEngine();
}
namespace x86_64_v3 {
[[gnu::weak]] const Engine& levelEngine();
}
namespace x86_64_v4 {
[[gnu::weak]] const Engine& levelEngine();
}

namespace {

struct Level {
  const char* name;
  int number;
  const Engine& (*engine)();
};

/// The best one first.
const Level kLevels[] = {{"x86_64_v4", 4, x86_64_v4::levelEngine},
                         {"x86_64_v3", 3, x86_64_v3::levelEngine},
                         {"x86_64", 1, x86_64::levelEngine}};

template <class Predicate>
const Level* findLevel(Predicate predicate) {
  const auto found = std::find_if(std::begin(kLevels), std::end(kLevels), predicate);
  return found == std::end(kLevels) ? nullptr : found;
}

bool isCalled(const Level& level, const char* name) { return std::strcmp(level.name, name) == 0; }

/// The named level, or the best one; null where the build or the processor lacks it.
const Engine* find(const char* name) {
  static const int processor = processorLevel();
  const bool best = std::strcmp(name, "best") == 0;
  const Level* level = findLevel([&](const Level& candidate) {
    return candidate.engine && candidate.number <= processor && (best || isCalled(candidate, name));
  });
  return level ? &level->engine() : nullptr;
}

std::atomic<const Engine*>& selected() {
  static std::atomic<const Engine*> engine{[] {
    const char* level = std::getenv("ROCM_EMULATOR_CPU");
    if (const Engine* wanted = find(level ? level : "best")) return wanted;
    if (const Engine* best = find("best")) return best;
    // Nothing opens a device then, but names and texts may be asked for.
    return &findLevel([](const Level& candidate) { return candidate.engine != nullptr; })->engine();
  }()};
  return engine;
}

}  // namespace

const Engine& engine() { return *selected().load(std::memory_order_relaxed); }

bool isEngineLevel(const char* name) {
  return findLevel([&](const Level& level) { return isCalled(level, name); }) != nullptr;
}

bool isEngineBuilt(const char* name) {
  return findLevel([&](const Level& level) { return level.engine && isCalled(level, name); }) != nullptr;
}

bool hasEngine() { return find("best") != nullptr; }

bool selectEngine(const char* level) {
  const Engine* wanted = find(level);
  if (wanted) selected() = wanted;
  return wanted != nullptr;
}

}  // namespace emulator
