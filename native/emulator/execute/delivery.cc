#include "execute/delivery.h"

#include "execute/registers.h"
#include "wave/tally.h"

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

void performNothing(Wave&, const Instruction&, const Access&) {}

/// Writes the results of an access that has taken effect before.
void deliverResults(Wave& wave, const Instruction& instruction, const Access& access) {
  deliverLoad(wave, instruction, access.lanes, access.data);
}

/// Lets an access take effect in memory and keeps its results until its wait.
void settle(Wave& wave, PendingAccess& pending) {
  const Instruction& instruction = *pending.instruction;
  if (!instruction.results) {
    pending.perform(wave, instruction, pending.access);
    pending.perform = performNothing;
    return;
  }
  uint32_t(*result)[kLanes] = registers(wave, instruction.destination);
  const size_t bytes = sizeof(pending.data[0]) * instruction.results;
  uint32_t poisoned[4][kLanes];
  std::memcpy(poisoned, result, bytes);
  pending.perform(wave, instruction, pending.access);
  std::memcpy(pending.data, result, bytes);
  std::memcpy(result, poisoned, bytes);
  if (instruction.half == 2) {
    for (uint32_t& value : pending.data[0]) value >>= 16;
  }
  pending.access.data = pending.data;
  pending.perform = deliverResults;
}

/// A new entry of the queue, without an effect.
PendingAccess& enqueue(Wave& wave, const Instruction& instruction, uint8_t counters) {
  PendingAccesses& pending = *wave.pending;
  if (!pending.ready) {
    for (int i = 0; i < PendingAccesses::kMost; i++) pending.order[i] = i;
    pending.ready = true;
  }
  if (counters & kVmCount) drain(wave, kVmCount, kMostVm - 1);
  if (counters & kLgkmCount) drain(wave, kLgkmCount, kMostLgkm - 1);
  PendingAccess& entry = pending.entries[pending.order[pending.count++]];
  entry.perform = performNothing;
  entry.access.lanes = 0;
  entry.instruction = &instruction;
  entry.counters = counters;
  entry.outOfOrder = instruction.format == Format::smem;
  return entry;
}

/// Queues an access for late delivery and poisons its result registers.
void defer(Wave& wave, const Instruction& instruction, const Access& access, Perform perform,
           uint8_t counters) {
  PendingAccess& entry = enqueue(wave, instruction, counters);
  entry.access = access;
  entry.perform = perform;
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
  if (wave.tally) wave.tally->calls->access(wave, instruction, access);
  if (wave.pending) {
    defer(wave, instruction, access, perform, counters);
  } else {
    perform(wave, instruction, access);
  }
}

void interceptNothing(Wave& wave, const Instruction& instruction, uint8_t counters) {
  if (wave.tally && counters & kVmCount) wave.tally->current.loads[wave.index].issueVector(0);
  if (wave.pending) enqueue(wave, instruction, counters);
}

void settleAccesses(Wave& wave) {
  if (!wave.pending) return;
  PendingAccesses& pending = *wave.pending;
  const auto entry = [&](int position) -> PendingAccess& { return pending.entries[pending.order[position]]; };
  // Through LDS, all that a read must see of its own wave goes before it.
  int ldsEnd = pending.count;
  const auto readsLds = [](const PendingAccess& access) {
    return access.counters & kLgkmCount && !access.outOfOrder && access.instruction->results;
  };
  while (ldsEnd > 0 && !readsLds(entry(ldsEnd - 1))) ldsEnd--;
  for (int i = 0; i < pending.count; i++) {
    PendingAccess& access = entry(i);
    if (access.outOfOrder || access.instruction->toLds) continue;
    if (!(access.counters & kLgkmCount) || i < ldsEnd) settle(wave, access);
  }
}

void waitForAccesses(Wave& wave, unsigned vm, unsigned lgkm) {
  if (wave.tally) wave.tally->calls->wait(wave, vm, lgkm);
  if (!wave.pending) return;
  drain(wave, kVmCount, vm);
  drain(wave, kLgkmCount, lgkm);
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
