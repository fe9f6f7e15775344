#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "wave/wave.h"

namespace emulator {

struct Access;

/// What the executions of memory instructions came to.
struct MemoryCounts {
  uint64_t bytesRead, bytesWritten;  ///< device memory, by vector instructions: what the lanes asked for
  uint64_t lines;                    ///< 128-byte lines of device memory, counted anew for each execution
  uint64_t scalarBytesRead;
  uint64_t scratchBytes;  ///< private memory, both ways
  uint64_t ldsBytes;      ///< both ways
  uint64_t ldsClocks;
  uint64_t ldsConflictClocks;  ///< of ldsClocks, those that a layout without bank conflicts would not take

  MemoryCounts& operator+=(const MemoryCounts& other);
};

constexpr uint64_t kLineBytes = 128;

/// The 128-byte lines that a launch has touched, and by which XCDs.
class LineSet {
 public:
  void add(uint64_t line, uint32_t xcd) {
    blocks_[line / kBlock][line % kBlock] |= static_cast<uint8_t>(1u << xcd);
  }
  void add(const LineSet& other);
  uint64_t lines() const;
  /// Their numbers (address / kLineBytes), in order.
  std::vector<uint64_t> numbers() const;
  /// How many lines each XCD has touched.
  std::array<uint64_t, 8> linesByXcd() const;

 private:
  static constexpr uint64_t kBlock = 64;  ///< consecutive lines under one key; a byte has a bit per XCD
  std::unordered_map<uint64_t, std::array<uint8_t, kBlock>> blocks_;
};

/// Counts one access of a wave in its tally.
using CountAccess = void (*)(const Wave& wave, const Instruction& instruction, const Access& access);

/// What one host thread has counted of a launch. Sums and unions of tallies do not depend on which thread ran
/// what.
struct Tally {
  std::vector<uint64_t> executed;    ///< executions of the instruction at each dword of code
  std::vector<MemoryCounts> memory;  ///< the same index; empty unless memory accesses are counted
  LineSet linesRead, linesWritten;   ///< by vector and scalar instructions
  uint32_t xcd = 0;                  ///< of the workgroup that is being run
  CountAccess countAccess;           ///< null: memory accesses are not counted

  Tally(uint64_t codeDwords, CountAccess counter)
      : executed(codeDwords), memory(counter ? codeDwords : 0), countAccess(counter) {}
  void add(const Tally& other);
};

/// The tallies of a launch: a workgroup borrows one while it runs.
class Tallies {
 public:
  Tallies(uint64_t codeDwords, CountAccess countAccess)
      : codeDwords_(codeDwords), countAccess_(countAccess) {}

  Tally* borrow();
  void giveBack(Tally* tally);
  /// All of them together; to be called when none is borrowed.
  Tally total() const;

 private:
  const uint64_t codeDwords_;
  const CountAccess countAccess_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Tally>> all_;
  std::vector<Tally*> free_;
};

}  // namespace emulator
