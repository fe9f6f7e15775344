#include "counting/count_access.h"

#include <algorithm>

#include "counting/lds_clocks.h"
#include "wave/tally.h"

namespace emulator {
namespace {

uint64_t lanesIn(uint64_t lanes) { return static_cast<uint64_t>(__builtin_popcountll(lanes)); }

/// LDS takes 32 lanes of a dword at a time.
constexpr uint64_t kLdsBytesPerClock = 128;

/// A line that is touched, of the launch and of the workgroup.
void countLine(Tally& tally, uint64_t line, bool reads, bool writes) {
  WorkgroupCounts& group = tally.current.counts;
  if (reads) group.linesRead += tally.linesRead.add(line, tally.current.xcd, group.number);
  if (writes) group.linesWritten += tally.linesWritten.add(line, tally.current.xcd, group.number);
}

void countScalar(const Wave& wave, Tally& tally, MemoryCounts& counts, const Instruction& instruction,
                 const Access& access) {
  const uint64_t bytes = 4 * uint64_t{access.validDwords[0]};
  if (!bytes) return;
  const bool reads = instruction.opcode->reads, writes = instruction.opcode->writes;
  if (reads) counts.scalarBytesRead += bytes;
  if (writes) counts.bytesWritten += bytes;
  const uint64_t last = (access.address[0] + bytes - 1) / kLineBytes;
  for (uint64_t line = access.address[0] / kLineBytes; line <= last; line++) {
    countLine(tally, line, reads, writes);
  }
  tally.current.loads[wave.index].issueScalar(wave.issued);
}

void countLds(const Wave& wave, MemoryCounts& counts, const Instruction& instruction, const Access& access) {
  const bool reads = instruction.opcode->reads, writes = instruction.opcode->writes;
  if (!reads && !writes) {
    counts.ldsClocks += 4 * kLanes / kLdsBytesPerClock;  // through the crossbar alone, past the banks
    return;
  }
  const LdsAccess kind = !writes ? LdsAccess::read : !reads ? LdsAccess::write : LdsAccess::atomic;
  const auto count = [&](const uint32_t(&offset)[kLanes]) {
    const LdsClocks clocks = ldsClocks(wave.group->target, kind, instruction.bytes, offset, access.lanes);
    counts.ldsBytes += instruction.bytes * lanesIn(access.lanes) * (kind == LdsAccess::atomic ? 2 : 1);
    counts.ldsClocks += clocks.clocks;
    counts.ldsConflictClocks += clocks.conflicts;
  };
  if (!instruction.memory.twoAddresses) return count(access.ldsOffset);
  for (const int32_t offset : {instruction.offset, instruction.offset1}) {
    uint32_t moved[kLanes];
    for (int lane = 0; lane < kLanes; lane++) {
      moved[lane] = access.ldsOffset[lane] + static_cast<uint32_t>(offset);
    }
    count(moved);
  }
}

/// Whether the access is to private memory by the instruction itself: SCRATCH, or a buffer that addresses by
/// lane (the compilers' scratch on gfx90a).
bool isPrivate(const Wave& wave, const Instruction& instruction) {
  if (instruction.format == Format::mubuf) return wave.scalar[instruction.memory.descriptor + 3] >> 23 & 1;
  return instruction.memory.isPrivate;
}

/// The bytes of a lane's access that are in range of its buffer: bit i for dword i.
unsigned validDwords(const Instruction& instruction, const Access& access, int lane) {
  const unsigned all = (1u << std::max(1, instruction.bytes / 4)) - 1;
  return access.partial >> lane & 1 ? access.validDwords[lane] : all;
}

void countVector(const Wave& wave, Tally& tally, MemoryCounts& counts, const Instruction& instruction,
                 const Access& access) {
  const bool reads = instruction.opcode->reads, writes = instruction.opcode->writes;
  if (isPrivate(wave, instruction)) {
    counts.scratchBytes += instruction.bytes * lanesIn(access.lanes) * (reads + writes);
    tally.current.loads[wave.index].issueVector(0);
    return;
  }
  uint64_t lines[5 * kLanes];
  size_t lineCount = 0;
  uint64_t bytes = 0;
  const uint64_t step = std::min<uint64_t>(4, instruction.bytes);
  EMULATOR_LEVEL::forEachLane(access.lanes & ~access.outside, [&](int lane) {
    const uint64_t address = access.address[lane];
    if (address >= kPrivateAperture) {
      counts.scratchBytes += instruction.bytes * uint64_t{reads} + instruction.bytes * uint64_t{writes};
    } else if (address >= kSharedAperture) {
      counts.ldsBytes += instruction.bytes * uint64_t{reads} + instruction.bytes * uint64_t{writes};
    } else {
      for (unsigned valid = validDwords(instruction, access, lane); valid; valid &= valid - 1) {
        const uint64_t at = address + 4 * static_cast<uint64_t>(__builtin_ctz(valid));
        bytes += step;
        for (const uint64_t line : {at / kLineBytes, (at + step - 1) / kLineBytes}) {
          if (!lineCount || lines[lineCount - 1] != line) lines[lineCount++] = line;
        }
      }
    }
  });
  std::sort(lines, lines + lineCount);
  lineCount = static_cast<size_t>(std::unique(lines, lines + lineCount) - lines);
  counts.lines += lineCount;
  if (reads) counts.bytesRead += bytes;
  if (writes) counts.bytesWritten += bytes;
  for (size_t i = 0; i < lineCount; i++) {
    countLine(tally, lines[i], reads, writes);
  }
  WaveLoads& loads = tally.current.loads[wave.index];
  loads.issueVector(reads ? std::min(bytes, kLineBytes * lineCount) : 0);
  if (instruction.toLds) {
    const uint64_t delivered = std::max<uint64_t>(4, instruction.bytes) * lanesIn(access.lanes);
    counts.ldsBytes += delivered;
    counts.ldsClocks += (delivered + kLdsBytesPerClock - 1) / kLdsBytesPerClock;
  }
}

void count(const Wave& wave, Tally& tally, MemoryCounts& counts, const Instruction& instruction,
           const Access& access) {
  switch (instruction.format) {
    case Format::smem:
      return countScalar(wave, tally, counts, instruction, access);
    case Format::ds:
      return countLds(wave, counts, instruction, access);
    default:
      return countVector(wave, tally, counts, instruction, access);
  }
}

}  // namespace

void countAccess(const Wave& wave, const Instruction& instruction, const Access& access) {
  Tally& tally = *wave.tally;
  MemoryCounts& counts = tally.memory[wave.current];
  const uint64_t linesBefore = counts.lines, ldsClocksBefore = counts.ldsClocks;
  count(wave, tally, counts, instruction, access);
  tally.current.counts.lines += counts.lines - linesBefore;
  tally.current.counts.ldsClocks += counts.ldsClocks - ldsClocksBefore;
}

}  // namespace emulator
