#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "decode/engine.h"
#include "execute/delivery.h"
#include "launch/launch.h"
#include "launch/trace.h"

namespace emulator {
namespace {

/// How many instructions a wave executes before it is asked whether the launch has been stopped.
constexpr uint64_t kUninterrupted = 1 << 16;

/// What a thread needs to run workgroups, kept from one to the next.
class Arena {
 public:
  ~Arena() {
    for (uint8_t* block : blocks_) operator delete (block, std::align_val_t{kBlockBytes});
    for (PendingAccesses* pending : pending_) ::operator delete (pending, std::align_val_t{64});
  }

  Wave& wave(uint32_t index) {
    const size_t block = index / kWavesPerBlock;
    while (blocks_.size() <= block) {
      blocks_.push_back(static_cast<uint8_t*>(operator new (kBlockBytes, std::align_val_t{kBlockBytes})));
      madvise(blocks_.back(), kBlockBytes, MADV_HUGEPAGE);
    }
    return *reinterpret_cast<Wave*>(blocks_[block] + index % kWavesPerBlock * sizeof(Wave));
  }

  PendingAccesses* pending(uint32_t index) {
    while (pending_.size() <= index) {
      void* memory = ::operator new (sizeof(PendingAccesses), std::align_val_t{64});
      std::memset(memory, 0, sizeof(PendingAccesses));
      pending_.push_back(static_cast<PendingAccesses*>(memory));
    }
    pending_[index]->count = 0;
    return pending_[index];
  }

  uint8_t* lds(uint32_t bytes) { return cleared(lds_, bytes); }
  uint8_t* ldsWritten(uint32_t bytes) { return cleared(ldsWritten_, bytes); }
  uint8_t* scratch(uint64_t bytes) { return cleared(scratch_, bytes); }

 private:
  static uint8_t* cleared(std::vector<uint8_t>& memory, uint64_t bytes) {
    memory.assign(bytes + 64, 0);
    return memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64;
  }

  /// Waves lie in huge pages: their registers are too many for the host's TLB otherwise.
  static constexpr size_t kBlockBytes = size_t{2} << 20, kWavesPerBlock = kBlockBytes / sizeof(Wave);
  std::vector<uint8_t*> blocks_;
  std::vector<PendingAccesses*> pending_;
  std::vector<uint8_t> lds_, ldsWritten_, scratch_;
};

/// The order of the waves and the lengths of their turns.
class Turns {
 public:
  Turns(const Schedule& schedule, size_t waves) : schedule_(schedule), random_(schedule.seed * 2 + 1) {
    for (size_t i = 0; i < waves; i++) order_.push_back(i);
    if (schedule.order == Schedule::Order::reverse) std::reverse(order_.begin(), order_.end());
  }

  const std::vector<size_t>& nextRound() {
    if (schedule_.order == Schedule::Order::seeded) {
      for (size_t i = order_.size(); i > 1; i--) std::swap(order_[i - 1], order_[draw() % i]);
    }
    return order_;
  }

  uint64_t length() {
    if (schedule_.order == Schedule::Order::seeded) return 1 + draw() % 64;
    return schedule_.turn ? schedule_.turn : ~uint64_t{0};
  }

 private:
  uint64_t draw() {  // xorshift64*
    random_ ^= random_ >> 12;
    random_ ^= random_ << 25;
    random_ ^= random_ >> 27;
    return random_ * 0x2545f4914f6cdd1d >> 33;
  }

  const Schedule& schedule_;
  uint64_t random_;
  std::vector<size_t> order_;
};

/// What listens to the waves of a workgroup; null where nothing does.
struct Observers {
  uint64_t* counts;  ///< each instruction's executions, as Engine::run has it
  WaveTrace* trace;

  uint64_t run(Wave& wave, uint64_t budget) const {
    if (trace && trace->follows(wave)) return trace->step(wave, counts);
    return engine().run(wave, budget, counts);
  }
};

/// Runs one wave for a turn. False where the launch was stopped meanwhile.
bool runTurn(Launch& launch, Wave& wave, uint64_t turn, uint64_t* executed, const Observers& observers) {
  const uint64_t limit = launch.options.instructionLimit;
  while (turn > 0 && wave.status == WaveStatus::running) {
    if (launch.stop.load(std::memory_order_relaxed) || launch.cancelled->load(std::memory_order_relaxed)) {
      return false;
    }
    uint64_t budget = std::min(turn, kUninterrupted);
    if (limit) {
      if (*executed >= limit) {
        raiseFault(wave, FaultKind::instructionLimit, -1, 0, 0,
                   "a wave executed more instructions than allowed");
        return true;
      }
      budget = std::min(budget, limit - *executed);
    }
    const uint64_t ran = observers.run(wave, budget);
    *executed += ran;
    turn -= std::min(turn, ran);
  }
  return true;
}

/// `executed` counts each wave's instructions.
void runWaves(Launch& launch, Workgroup& group, std::vector<uint64_t>& executed, const Observers& observers) {
  Turns turns(launch.options.schedule, group.waves.size());
  for (;;) {
    for (const size_t index : turns.nextRound()) {
      Wave& wave = *group.waves[index];
      if (wave.status != WaveStatus::running) continue;
      if (!runTurn(launch, wave, turns.length(), &executed[index], observers)) return;
      if (group.fault) return;
    }
    bool running = false, waiting = false;
    for (const Wave* wave : group.waves) {
      running |= wave->status == WaveStatus::running;
      waiting |= wave->status == WaveStatus::atBarrier;
    }
    if (running) continue;
    if (!waiting) return;
    // Waves that have ended count as arrived.
    for (Wave* wave : group.waves) {
      if (wave->status == WaveStatus::atBarrier) wave->status = WaveStatus::running;
    }
  }
}

}  // namespace

void runWorkgroup(Launch& launch, uint64_t number) {
  static thread_local Arena arena;
  const KernelDescriptor& kernel = *launch.kernel.descriptor;
  Workgroup group;
  group.target = launch.kernel.target;
  group.id[0] = static_cast<uint32_t>(number % launch.geometry.grid[0]);
  group.id[1] = static_cast<uint32_t>(number / launch.geometry.grid[0] % launch.geometry.grid[1]);
  group.id[2] = static_cast<uint32_t>(number / launch.geometry.grid[0] / launch.geometry.grid[1]);
  group.memory = launch.memory.get();
  group.kernargAddress = launch.kernargAddress;

  Tally* tally = launch.tallies ? launch.tallies->borrow() : nullptr;

  const uint32_t waves = (launch.geometry.blockSize() + kLanes - 1) / kLanes;
  const uint32_t ldsBytes = kernel.ldsBytes + launch.geometry.dynamicLdsBytes;
  uint8_t* lds = arena.lds(ldsBytes);
  uint8_t* ldsWritten = launch.options.reportUninitialised ? arena.ldsWritten(ldsBytes) : nullptr;
  const uint64_t scratchBytes = (uint64_t{kernel.scratchBytes} * kLanes + 63) / 64 * 64;
  uint8_t* scratch = arena.scratch(scratchBytes * waves);
  for (uint32_t i = 0; i < waves; i++) {
    Wave& wave = arena.wave(i);
    wave.lds = lds;
    wave.ldsBytes = ldsBytes;
    wave.ldsWritten = ldsWritten;
    wave.scratch = scratch + scratchBytes * i;
    wave.group = &group;
    wave.pending = launch.options.lateDelivery ? arena.pending(i) : nullptr;
    wave.tally = tally && tally->calls ? tally : nullptr;
    wave.intercepts = wave.pending || wave.tally;
    initialise(wave, launch, i);
    group.waves.push_back(&wave);
  }
  const CountingCalls* calls = tally ? tally->calls : nullptr;
  if (calls) calls->beginWorkgroup(*tally, group, number, static_cast<uint32_t>(number % launch.xcds));
  std::vector<uint64_t> executed(waves);
  const auto trace = WaveTrace::of(launch, number);
  runWaves(launch, group, executed, {tally ? tally->executed.data() : nullptr, trace.get()});
  if (calls) calls->endWorkgroup(*tally, group);
  if (tally) launch.tallies->giveBack(tally);
  if (!group.fault) return;
  const std::lock_guard<std::mutex> lock(launch.faultMutex);
  launch.stop = true;
  if (number >= launch.faultedWorkgroup) return;
  launch.faultedWorkgroup = number;
  launch.fault = std::move(group.fault);
}

}  // namespace emulator
