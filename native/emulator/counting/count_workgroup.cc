#include "counting/count_workgroup.h"

#include <algorithm>

#include "counting/count_access.h"
#include "decode/engine.h"
#include "wave/workgroup.h"

namespace emulator {
namespace {

constexpr uint64_t kIssueClocks = 4;

void countWait(const Wave& wave, unsigned vm, unsigned lgkm) {
  wave.tally->current.loads[wave.index].wait(vm, lgkm, wave.issued);
}

void beginWorkgroup(Tally& tally, const Workgroup& group, uint64_t number, uint32_t xcd) {
  Tally::Current& current = tally.current;
  current.xcd = xcd;
  current.counts = {};
  current.counts.number = number;
  current.before = tally.executed;
  current.loads.assign(group.waves.size(), {});
}

/// The clocks for which what the workgroup has executed keeps its SIMDs' ALUs busy.
void countClocks(const Tally& tally, const Workgroup& group, WorkgroupCounts* counts) {
  const Instruction* code = group.waves[0]->code;
  for (size_t i = 0; i < tally.executed.size(); i++) {
    const uint64_t executed = tally.executed[i] - tally.current.before[i];
    if (!executed) continue;
    const uint64_t clocks = executed * engine().clocks(group.target, code[i]);
    const InstructionClass cls = code[i].opcode->cls;
    if (cls == InstructionClass::matrix) counts->matrixClocks += clocks;
    if (cls == InstructionClass::vector) counts->vectorClocks += clocks;
    if (cls == InstructionClass::transcendental) counts->transcendentalClocks += clocks;
  }
}

void endWorkgroup(Tally& tally, const Workgroup& group) {
  WorkgroupCounts& counts = tally.current.counts;
  countClocks(tally, group, &counts);
  for (const Wave* wave : group.waves) {
    const WaveLoads& loads = tally.current.loads[wave->index];
    counts.loadBytes += loads.bytes();
    counts.issueClocks = std::max(counts.issueClocks, kIssueClocks * wave->issued + loads.scalarClocks());
    counts.loadLatencies = std::max(counts.loadLatencies, loads.latencies());
  }
  tally.workgroups.push_back(counts);
}

}  // namespace

const CountingCalls kFullCounting{countAccess, countWait, beginWorkgroup, endWorkgroup};

}  // namespace emulator
