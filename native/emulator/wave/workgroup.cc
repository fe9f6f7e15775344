#include "wave/workgroup.h"

namespace emulator {

void raiseFault(Wave& wave, FaultKind kind, int lane, uint64_t address, size_t bytes, const char* detail) {
  wave.status = WaveStatus::faulted;
  if (kind == FaultKind::illegalAddress && address - kHostCallBuffer < 2 * kApertureBytes)
    kind = FaultKind::hostService;
  if (wave.group->fault) return;
  wave.group->fault.reset(
      new Fault{kind, wave.index, lane, wave.codeBase + 4 * wave.current, address, bytes, detail});
}

}  // namespace emulator
