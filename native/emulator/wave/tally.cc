#include "wave/tally.h"

#include <algorithm>

namespace emulator {

MemoryCounts& MemoryCounts::operator+=(const MemoryCounts& other) {
  bytesRead += other.bytesRead;
  bytesWritten += other.bytesWritten;
  lines += other.lines;
  scalarBytesRead += other.scalarBytesRead;
  scratchBytes += other.scratchBytes;
  ldsBytes += other.ldsBytes;
  ldsClocks += other.ldsClocks;
  ldsConflictClocks += other.ldsConflictClocks;
  return *this;
}

void LineSet::add(const LineSet& other) {
  for (const auto& [key, theirs] : other.blocks_) {
    auto& ours = blocks_[key];
    for (uint64_t i = 0; i < kBlock; i++) ours[i] |= theirs[i];
  }
}

uint64_t LineSet::lines() const {
  uint64_t count = 0;
  for (const auto& row : blocks_) {
    for (const uint8_t xcds : row.second) count += xcds != 0;
  }
  return count;
}

std::vector<uint64_t> LineSet::numbers() const {
  std::vector<uint64_t> numbers;
  for (const auto& [key, row] : blocks_) {
    for (uint64_t i = 0; i < kBlock; i++) {
      if (row[i]) numbers.push_back(key * kBlock + i);
    }
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::array<uint64_t, 8> LineSet::linesByXcd() const {
  std::array<uint64_t, 8> counts{};
  for (const auto& row : blocks_) {
    for (const uint8_t xcds : row.second) {
      for (size_t xcd = 0; xcd < counts.size(); xcd++) counts[xcd] += xcds >> xcd & 1;
    }
  }
  return counts;
}

void Tally::add(const Tally& other) {
  for (size_t i = 0; i < executed.size(); i++) executed[i] += other.executed[i];
  for (size_t i = 0; i < memory.size(); i++) memory[i] += other.memory[i];
  linesRead.add(other.linesRead);
  linesWritten.add(other.linesWritten);
}

Tally* Tallies::borrow() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (free_.empty()) {
    all_.push_back(std::make_unique<Tally>(codeDwords_, countAccess_));
    return all_.back().get();
  }
  Tally* tally = free_.back();
  free_.pop_back();
  return tally;
}

void Tallies::giveBack(Tally* tally) {
  const std::lock_guard<std::mutex> lock(mutex_);
  free_.push_back(tally);
}

Tally Tallies::total() const {
  Tally sum(codeDwords_, countAccess_);
  for (const auto& tally : all_) sum.add(*tally);
  return sum;
}

}  // namespace emulator
