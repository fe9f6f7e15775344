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

LineCounts& LineCounts::operator+=(const LineCounts& other) {
  lines += other.lines;
  shared += other.shared;
  manyXcds += other.manyXcds;
  return *this;
}

LineCounts LineSet::Block::counts() const {
  LineCounts counts{0, static_cast<uint64_t>(__builtin_popcountll(shared)), 0};
  for (const uint8_t row : xcds) {
    counts.lines += row != 0;
    counts.manyXcds += (row & (row - 1)) != 0;
  }
  return counts;
}

void LineSet::add(const LineSet& other) {
  for (const auto& [key, theirs] : other.blocks_) {
    Block& ours = blocks_[key];
    ours.shared |= theirs.shared;
    for (uint64_t i = 0; i < kBlock; i++) {
      if (ours.xcds[i] && theirs.xcds[i]) ours.shared |= uint64_t{1} << i;
      ours.xcds[i] |= theirs.xcds[i];
    }
  }
}

uint64_t LineSet::lines() const {
  LineCounts sum{};
  forEachBlock([&](uint64_t, const LineCounts& counts) { sum += counts; });
  return sum.lines;
}

std::vector<uint64_t> LineSet::numbers() const {
  std::vector<uint64_t> numbers;
  for (const auto& [key, block] : blocks_) {
    for (uint64_t i = 0; i < kBlock; i++) {
      if (block.xcds[i]) numbers.push_back(key * kBlock + i);
    }
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::array<uint64_t, 8> LineSet::linesByXcd() const {
  std::array<uint64_t, 8> counts{};
  for (const auto& row : blocks_) {
    for (const uint8_t xcds : row.second.xcds) {
      for (size_t xcd = 0; xcd < counts.size(); xcd++) counts[xcd] += xcds >> xcd & 1;
    }
  }
  return counts;
}

void WaveLoads::issueVector(uint64_t bytes) {
  if (count_ == kMost) return;  // an s_waitcnt comes before
  queue_[(first_ + count_++) % kMost] = static_cast<uint32_t>(bytes);
  bytes_ += bytes;
  outstanding_ += bytes;
  inFlight_ = outstanding_;
}

void WaveLoads::wait(unsigned vm, unsigned lgkm, uint64_t issued) {
  constexpr uint64_t kScalarLatency = 100, kIssueClocks = 4;
  for (; count_ > vm; count_--, first_ = (first_ + 1) % kMost) {
    const uint32_t bytes = queue_[first_];
    if (!bytes) continue;
    latencies_ += static_cast<double>(bytes) / static_cast<double>(inFlight_);
    outstanding_ -= bytes;
  }
  if (!scalarOutstanding_ || lgkm) return;
  scalarOutstanding_ = false;
  const uint64_t hidden = kIssueClocks * (issued - lastScalar_);
  scalarClocks_ += hidden < kScalarLatency ? kScalarLatency - hidden : 0;
}

void Tally::add(const Tally& other) {
  for (size_t i = 0; i < executed.size(); i++) executed[i] += other.executed[i];
  for (size_t i = 0; i < memory.size(); i++) memory[i] += other.memory[i];
  linesRead.add(other.linesRead);
  linesWritten.add(other.linesWritten);
  workgroups.insert(workgroups.end(), other.workgroups.begin(), other.workgroups.end());
}

Tally* Tallies::borrow() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (free_.empty()) {
    all_.push_back(std::make_unique<Tally>(codeDwords_, calls_));
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
  Tally sum(codeDwords_, calls_);
  for (const auto& tally : all_) sum.add(*tally);
  std::sort(sum.workgroups.begin(), sum.workgroups.end(),
            [](const WorkgroupCounts& a, const WorkgroupCounts& b) { return a.number < b.number; });
  return sum;
}

}  // namespace emulator
