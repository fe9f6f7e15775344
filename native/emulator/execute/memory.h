#pragma once

#include "wave/wave.h"

// The handlers of memory instructions, as the opcode tables name them. What an instruction moves and where
// stands in its memory fields (instruction.h): source[0] is the address register, source[1] the data
// register, source[2] the second data register (DS) or the scalar offset (saddr, soffset; kNoScalar where it
// has none).

namespace emulator {
namespace EMULATOR_LEVEL {

/// An operand code that stands for "no scalar offset".
constexpr uint16_t kNoScalar = 0x7f;

// FLAT, GLOBAL, SCRATCH. `indexEnable` of scratch: it has a vector offset.
template <int Bytes>
void globalLoad(Wave& wave, const Instruction& instruction);
template <int Bytes>
void globalStore(Wave& wave, const Instruction& instruction);
template <int Bytes>
void globalLoadLds(Wave& wave, const Instruction& instruction);
template <class T>
void globalAtomic(Wave& wave, const Instruction& instruction);
template <int Bytes>
void flatLoad(Wave& wave, const Instruction& instruction);
template <int Bytes>
void flatStore(Wave& wave, const Instruction& instruction);
template <class T>
void flatAtomic(Wave& wave, const Instruction& instruction);
template <int Bytes>
void scratchLoad(Wave& wave, const Instruction& instruction);
template <int Bytes>
void scratchStore(Wave& wave, const Instruction& instruction);

// MUBUF.
template <int Bytes>
void bufferLoad(Wave& wave, const Instruction& instruction);
template <int Bytes>
void bufferStore(Wave& wave, const Instruction& instruction);
template <int Bytes>
void bufferLoadLds(Wave& wave, const Instruction& instruction);
template <class T>
void bufferAtomic(Wave& wave, const Instruction& instruction);

// DS. `offset` and `offset1` are in bytes.
template <int Bytes>
void ldsRead(Wave& wave, const Instruction& instruction);
template <int Bytes>
void ldsRead2(Wave& wave, const Instruction& instruction);
template <int Bytes>
void ldsWrite(Wave& wave, const Instruction& instruction);
template <int Bytes>
void ldsWrite2(Wave& wave, const Instruction& instruction);
template <class T>
void ldsAtomic(Wave& wave, const Instruction& instruction);
template <class T>
void ldsExchange2(Wave& wave, const Instruction& instruction);
template <int Bits>
void ldsReadTransposed(Wave& wave, const Instruction& instruction);
void ldsSwizzle(Wave& wave, const Instruction& instruction);
void ldsPermute(Wave& wave, const Instruction& instruction);
void ldsBackwardPermute(Wave& wave, const Instruction& instruction);

// SMEM. source[0] is the base, source[1] the first data register. An access through a buffer checks its
// range.
void scalarLoad(Wave& wave, const Instruction& instruction);
void scalarStore(Wave& wave, const Instruction& instruction);
template <class T>
void scalarAtomic(Wave& wave, const Instruction& instruction);
void scalarTime(Wave& wave, const Instruction& instruction);

/// Instantiates a handler for the sizes in bytes of loads and stores, of loads into LDS, and of atomics.
#define FOR_EACH_SIZE(handler)                          \
  template void handler<1>(Wave&, const Instruction&);  \
  template void handler<2>(Wave&, const Instruction&);  \
  template void handler<4>(Wave&, const Instruction&);  \
  template void handler<8>(Wave&, const Instruction&);  \
  template void handler<12>(Wave&, const Instruction&); \
  template void handler<16>(Wave&, const Instruction&)
#define FOR_EACH_LDS_SIZE(handler)                      \
  template void handler<1>(Wave&, const Instruction&);  \
  template void handler<2>(Wave&, const Instruction&);  \
  template void handler<4>(Wave&, const Instruction&);  \
  template void handler<12>(Wave&, const Instruction&); \
  template void handler<16>(Wave&, const Instruction&)
#define FOR_EACH_ATOMIC_TYPE(handler)                         \
  template void handler<uint32_t>(Wave&, const Instruction&); \
  template void handler<uint64_t>(Wave&, const Instruction&)

/// Instructions that only order or flush caches, which the emulator does not have.
void noEffect(Wave& wave, const Instruction& instruction);

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
