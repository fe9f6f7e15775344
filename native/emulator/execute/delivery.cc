#include "execute/delivery.h"

#include "counting/tally.h"
#include "execute/registers.h"

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

constexpr unsigned kMostVm = 63, kMostLgkm = 15;

int outstanding(const PendingAccesses& pending, uint8_t counter) {
  int count = 0;
  for (int i = 0; i < pending.count; i++) {
    count += (pending.entries[pending.order[i]].counters & counter) != 0;
  }
  return count;
}

void take(Wave& wave, int position) {
  PendingAccesses& pending = *wave.pending;
  const int entry = pending.order[position];
  PendingAccess& access = pending.entries[entry];
  access.perform(wave, *access.instruction, access.access);
  for (int i = position; i + 1 < pending.count; i++) pending.order[i] = pending.order[i + 1];
  pending.order[--pending.count] = entry;
}

/// Lets accesses of `counter` complete until at most `most` are outstanding. Those that complete in order go
/// first, oldest first: a scalar load may always be the last to return.
void drain(Wave& wave, uint8_t counter, unsigned most) {
  PendingAccesses& pending = *wave.pending;
  int excess = outstanding(pending, counter) - static_cast<int>(most);
  for (const bool outOfOrder : {false, true}) {
    for (int i = 0; i < pending.count && excess > 0;) {
      PendingAccess& access = pending.entries[pending.order[i]];
      if (!(access.counters & counter) || access.outOfOrder != outOfOrder) {
        i++;
        continue;
      }
      excess--;
      access.counters &= static_cast<uint8_t>(~counter);
      if (access.counters) {
        i++;
      } else {
        take(wave, i);
      }
    }
  }
}

void poison(Wave& wave, const Instruction& instruction, uint64_t lanes) {
  if (instruction.format == Format::smem) {
    for (int i = 0; i < instruction.results; i++) wave.scalar[instruction.destination + i] = kPoison;
    return;
  }
  uint32_t(*result)[kLanes] = registers(wave, instruction.destination);
  for (int i = 0; i < instruction.results; i++) {
    forEachLane(lanes, [&](int lane) {
      uint32_t& value = result[i][lane];
      value = instruction.half == 0   ? kPoison
              : instruction.half == 1 ? (value & 0xffff0000) | (kPoison & 0xffff)
                                      : (value & 0xffff) | (kPoison & 0xffff0000);
    });
  }
}

/// Queues an access for late delivery and poisons its result registers.
void defer(Wave& wave, const Instruction& instruction, const Access& access, Perform perform,
           uint8_t counters) {
  PendingAccesses& pending = *wave.pending;
  if (!pending.ready) {
    for (int i = 0; i < PendingAccesses::kMost; i++) pending.order[i] = i;
    pending.ready = true;
  }
  if (counters & kVmCount) drain(wave, kVmCount, kMostVm - 1);
  if (counters & kLgkmCount) drain(wave, kLgkmCount, kMostLgkm - 1);
  PendingAccess& entry = pending.entries[pending.order[pending.count++]];
  entry.access = access;
  entry.perform = perform;
  entry.instruction = &instruction;
  entry.counters = counters;
  entry.outOfOrder = instruction.format == Format::smem;
  if (instruction.operands) {
    std::memcpy(entry.data, access.data, sizeof(entry.data[0]) * instruction.operands);
    entry.access.data = entry.data;
  }
  if (instruction.operands1) {
    std::memcpy(entry.secondData, access.data1, sizeof(entry.secondData[0]) * instruction.operands1);
    entry.access.data1 = entry.secondData;
  }
  if (!instruction.toLds) poison(wave, instruction, access.lanes);
}

}  // namespace

void intercept(Wave& wave, const Instruction& instruction, const Access& access, Perform perform,
               uint8_t counters) {
  if (wave.tally) countAccess(wave, instruction, access);
  if (wave.pending) {
    defer(wave, instruction, access, perform, counters);
  } else {
    perform(wave, instruction, access);
  }
}

void waitForAccesses(Wave& wave, unsigned vm, unsigned lgkm) {
  if (!wave.pending) return;
  drain(wave, kVmCount, vm);
  drain(wave, kLgkmCount, lgkm);
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
