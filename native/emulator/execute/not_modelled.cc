#include "execute/not_modelled.h"

namespace emulator {
namespace EMULATOR_LEVEL {

namespace {

void refuse(Wave& wave, const char* reason) {
  raiseFault(wave, FaultKind::illegalInstruction, -1, 0, 0, reason);
}

}  // namespace

void notModelled(Wave& wave, const Instruction&) {
  refuse(wave, "the emulator does not model this instruction");
}
void modifiersNotModelled(Wave& wave, const Instruction&) {
  refuse(wave, "the emulator does not model this instruction with these modifiers");
}

void trap(Wave& wave, const Instruction& instruction) {
  const auto number = static_cast<uint64_t>(instruction.offset & 0xff);
  const char* meaning = number == 2   ? "an assertion that failed, or __builtin_trap()"
                        : number == 3 ? "__builtin_debugtrap()"
                                      : "of a trap handler";
  raiseFault(wave, FaultKind::trap, -1, number, 0, meaning);
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
