#include <cpuid.h>

#include <algorithm>
#include <array>
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

bool hasAll(uint64_t bits, uint64_t wanted) { return (bits & wanted) == wanted; }

/// The level that the processor has and the operating system saves the registers of: 1, 3 or 4. Asked of the
/// processor, since __builtin_cpu_supports knows no levels in LLVM's run-time library.
int processorLevel() {
  constexpr uint32_t kSsse3 = 1 << 9, kCmpxchg16b = 1 << 13, kSse41 = 1 << 19, kSse42 = 1 << 20,
                     kPopcnt = 1 << 23, kFma = 1 << 12, kMovbe = 1 << 22, kOsxsave = 1 << 27, kAvx = 1 << 28,
                     kF16c = 1 << 29;
  constexpr uint32_t kBmi1 = 1 << 3, kAvx2 = 1 << 5, kBmi2 = 1 << 8;
  constexpr uint32_t kAvx512F = 1 << 16, kAvx512Dq = 1 << 17, kAvx512Cd = 1 << 28, kAvx512Bw = 1 << 30,
                     kAvx512Vl = 1u << 31;
  constexpr uint32_t kLahf = 1 << 0, kLzcnt = 1 << 5;
  constexpr uint64_t kYmmState = 0x6, kZmmState = 0xe6;
  uint32_t a, b, c, d, features, extended;
  if (!__get_cpuid(1, &a, &b, &features, &d) || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 1;
  if (!__get_cpuid(0x80000001, &a, &c, &extended, &d) || !hasAll(features, kOsxsave)) return 1;
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  const bool v3 =
      hasAll(features, kSsse3 | kCmpxchg16b | kSse41 | kSse42 | kPopcnt | kFma | kMovbe | kAvx | kF16c) &&
      hasAll(extended, kLahf | kLzcnt) && hasAll(b, kBmi1 | kAvx2 | kBmi2) && hasAll(low, kYmmState);
  if (!v3) return 1;
  const bool v4 =
      hasAll(b, kAvx512F | kAvx512Dq | kAvx512Cd | kAvx512Bw | kAvx512Vl) && hasAll(low, kZmmState);
  return v4 ? 4 : 3;
}

struct Level {
  int number;
  const Engine* engine;
};

/// The levels that the emulator has code for, the best one first.
const std::array<Level, 3>& levels() {
  static const std::array<Level, 3> all = {
      {{4, &x86_64_v4::levelEngine()}, {3, &x86_64_v3::levelEngine()}, {1, &x86_64::levelEngine()}}};
  return all;
}

/// The named level, or the best one; null where the processor lacks it.
const Engine* find(const char* name) {
  static const int processor = processorLevel();
  for (const auto& [number, engine] : levels()) {
    const bool wanted = std::strcmp(name, "best") == 0 || std::strcmp(name, engine->level) == 0;
    if (number <= processor && wanted) return engine;
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

bool isEngineLevel(const char* name) {
  return std::any_of(levels().begin(), levels().end(),
                     [&](const Level& level) { return std::strcmp(name, level.engine->level) == 0; });
}

bool selectEngine(const char* level) {
  const Engine* wanted = find(level);
  if (wanted) selected() = wanted;
  return wanted != nullptr;
}

}  // namespace emulator
