#pragma once

#include <cpuid.h>

#include <cstdint>

namespace emulator {

/// The x86-64 level that the processor has and the operating system saves the registers of: 1, 3 or 4. Asked
/// of the processor, since __builtin_cpu_supports knows no levels in LLVM's run-time library.
inline int processorLevel() {
  constexpr uint32_t kSsse3 = 1 << 9, kCmpxchg16b = 1 << 13, kSse41 = 1 << 19, kSse42 = 1 << 20,
                     kPopcnt = 1 << 23, kFma = 1 << 12, kMovbe = 1 << 22, kOsxsave = 1 << 27, kAvx = 1 << 28,
                     kF16c = 1 << 29;
  constexpr uint32_t kBmi1 = 1 << 3, kAvx2 = 1 << 5, kBmi2 = 1 << 8;
  constexpr uint32_t kAvx512F = 1 << 16, kAvx512Dq = 1 << 17, kAvx512Cd = 1 << 28, kAvx512Bw = 1 << 30,
                     kAvx512Vl = 1u << 31;
  constexpr uint32_t kLahf = 1 << 0, kLzcnt = 1 << 5;
  constexpr uint64_t kYmmState = 0x6, kZmmState = 0xe6;
  const auto hasAll = [](uint64_t bits, uint64_t wanted) { return (bits & wanted) == wanted; };
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

}  // namespace emulator
