#include "decode/engine.h"
#include "isa/target.h"
#include "runtime/entry.h"

using namespace emulator;

EMULATOR_EXPORT int rocmEmulatorDisassemble(const char* arch, const uint32_t* words, uint64_t count,
                                            char* text, size_t size) {
  Target target;
  Instruction instruction;
  if (!arch || !words || !parseTarget(arch, &target)) return 0;
  if (!engine().decode(target, words, count, &instruction)) return 0;
  if (text) engine().disassemble(instruction, text, size);
  return instruction.dwords;
}
