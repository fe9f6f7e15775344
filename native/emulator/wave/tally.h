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

/// Lines of a set.
struct LineCounts {
  uint64_t lines;
  uint64_t shared;    ///< touched by more than one workgroup
  uint64_t manyXcds;  ///< touched by more than one XCD

  LineCounts& operator+=(const LineCounts& other);
};

/// The 128-byte lines that a launch has touched, by which XCDs, and whether by one workgroup alone.
class LineSet {
 public:
  /// Whether the workgroup touches the line for the first time. A workgroup's accesses follow each other in
  /// one set: no other's come between.
  bool add(uint64_t line, uint32_t xcd, uint64_t workgroup) {
    if (line / kBlock != recentKey_) {
      recentKey_ = line / kBlock;
      recent_ = &blocks_[recentKey_];
    }
    return recent_->add(line % kBlock, xcd, static_cast<uint32_t>(workgroup + 1));
  }
  LineSet() = default;
  LineSet(LineSet&&) = default;
  LineSet(const LineSet&) = delete;

  void add(const LineSet& other);
  /// Their numbers (address / kLineBytes), in order.
  std::vector<uint64_t> numbers() const;
  uint64_t lines() const;
  /// Calls `body(number of the first line, counts)` for each 64 lines that follow each other, in no order.
  template <class Body>
  void forEachBlock(Body body) const {
    for (const auto& [key, block] : blocks_) body(key * kBlock, block.counts());
  }
  /// How many lines each XCD has touched.
  std::array<uint64_t, 8> linesByXcd() const;

 private:
  static constexpr uint64_t kBlock = 64;  ///< consecutive lines under one key

  struct Block {
    std::array<uint8_t, kBlock> xcds{};   ///< a bit per XCD
    std::array<uint32_t, kBlock> last{};  ///< the workgroup that came last, counted from 1
    uint64_t shared = 0;                  ///< a bit per line

    bool add(uint64_t index, uint32_t xcd, uint32_t workgroup) {
      if (last[index] == workgroup) return false;
      if (last[index]) shared |= uint64_t{1} << index;
      last[index] = workgroup;
      xcds[index] |= static_cast<uint8_t>(1u << xcd);
      return true;
    }
    LineCounts counts() const;
  };
  std::unordered_map<uint64_t, Block> blocks_;
  uint64_t recentKey_ = ~uint64_t{0};
  Block* recent_ = nullptr;
};

/// What one workgroup does: what a model of its time needs.
struct WorkgroupCounts {
  uint64_t number;                                            ///< in the grid
  uint64_t matrixClocks, vectorClocks, transcendentalClocks;  ///< of all its waves
  uint64_t ldsClocks;
  uint64_t lines;         ///< of device memory, counted anew for each execution
  uint64_t linesRead;     ///< different ones
  uint64_t linesWritten;  ///< different ones
  uint64_t loadBytes;     ///< of vector memory, 128-byte lines at most
  uint64_t issueClocks;   ///< of the wave that has most: 4 an instruction, and the waits for scalar loads
  double
      loadLatencies;  ///< of the wave that has most: memory latencies that its loads take one after the other
};

/// The vector memory instructions of a wave that are outstanding, and what waiting for them came to.
class WaveLoads {
 public:
  void issueVector(uint64_t bytes);
  void issueScalar(uint64_t issued) {
    scalarOutstanding_ = true;
    lastScalar_ = issued;
  }
  /// s_waitcnt, executed as instruction number `issued` of its wave.
  void wait(unsigned vm, unsigned lgkm, uint64_t issued);

  uint64_t bytes() const { return bytes_; }
  double latencies() const { return latencies_; }
  uint64_t scalarClocks() const { return scalarClocks_; }

 private:
  static constexpr unsigned kMost = 64;  ///< more than vmcnt can count
  uint32_t queue_[kMost] = {};           ///< the bytes of each, oldest at first_
  unsigned first_ = 0, count_ = 0;
  uint64_t outstanding_ = 0;  ///< bytes
  uint64_t inFlight_ = 0;     ///< outstanding after the last issue: what arrives together
  uint64_t bytes_ = 0;
  double latencies_ = 0;
  bool scalarOutstanding_ = false;
  uint64_t lastScalar_ = 0;
  uint64_t scalarClocks_ = 0;
};

struct Tally;

/// What is called while a launch is counted in full; `counting` has the functions.
struct CountingCalls {
  void (*access)(const Wave& wave, const Instruction& instruction, const Access& access);
  void (*wait)(const Wave& wave, unsigned vm, unsigned lgkm);
  void (*beginWorkgroup)(Tally& tally, const Workgroup& group, uint64_t number, uint32_t xcd);
  void (*endWorkgroup)(Tally& tally, const Workgroup& group);
};

/// What one host thread has counted of a launch. Sums and unions of tallies do not depend on which thread ran
/// what.
struct Tally {
  std::vector<uint64_t> executed;    ///< executions of the instruction at each dword of code
  std::vector<MemoryCounts> memory;  ///< the same index; empty unless all is counted
  LineSet linesRead, linesWritten;   ///< by vector and scalar instructions
  std::vector<WorkgroupCounts> workgroups;
  const CountingCalls* calls;  ///< null: only instructions are counted

  /// Of the workgroup that is being run.
  struct Current {
    uint32_t xcd;
    WorkgroupCounts counts;
    std::vector<uint64_t> before;  ///< `executed` as it was
    std::vector<WaveLoads> loads;  ///< by wave
  } current{};

  Tally(uint64_t codeDwords, const CountingCalls* calls)
      : executed(codeDwords), memory(calls ? codeDwords : 0), calls(calls) {}
  void add(const Tally& other);
};

/// The tallies of a launch: a workgroup borrows one while it runs.
class Tallies {
 public:
  Tallies(uint64_t codeDwords, const CountingCalls* calls) : codeDwords_(codeDwords), calls_(calls) {}

  Tally* borrow();
  void giveBack(Tally* tally);
  /// All of them together; to be called when none is borrowed.
  Tally total() const;

 private:
  const uint64_t codeDwords_;
  const CountingCalls* const calls_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Tally>> all_;
  std::vector<Tally*> free_;
};

}  // namespace emulator
