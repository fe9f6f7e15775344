#include "execute/not_modelled.h"

namespace emulator {
namespace EMULATOR_LEVEL {

void notModelled(Wave& wave, const Instruction&) {
  raiseFault(wave, FaultKind::illegalInstruction, -1, 0, 0, "the emulator does not model this instruction");
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
