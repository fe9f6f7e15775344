#include "execute/integer.h"
#include "execute/special.h"
#include "execute/vector_operation.h"

// Vector instructions as compilers emit them: with one source, that says what to do with the others, the same
// for all lanes. What is to be done is then worked out once.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

constexpr ValueKind kU32 = Lane<uint32_t>::kind, kU64 = Lane<uint64_t>::kind;

/// Bytes of one source that keep their distances.
struct ByteMove {
  const uint32_t* from;
  uint32_t left, right, mask;
  uint32_t operator()(int lane) const { return from[lane] << left >> right & mask; }
};

}  // namespace

void permuteBytesUniform(Wave& wave, const Instruction& i) {
  if (i.source[2].isVector()) return Operation<permuteBytes>::plain(wave, i);
  LaneBuffer buffers[2], result;
  const uint32_t* const high = fetchPlain(wave, i, 0, kU32, &buffers[0]);
  const uint32_t* const low = fetchPlain(wave, i, 1, kU32, &buffers[1]);
  const uint32_t selector = uniform32(wave, i.source[2], i.literal);
  ByteMove moves[4] = {{low, 0, 0, 0}, {low, 0, 0, 0}, {low, 0, 0, 0}, {low, 0, 0, 0}};
  int count = 0;
  uint32_t ones = 0;
  for (uint32_t at = 0; at < 32; at += 8) {
    const uint32_t select = selector >> at & 0xff, mask = 0xffu << at;
    if (select >= 8 && select < 12) return Operation<permuteBytes>::plain(wave, i);  // signs
    if (select > 12) ones |= mask;
    if (select >= 12) continue;
    const uint32_t from = 8 * (select & 3);
    const ByteMove move{select < 4 ? low : high, at > from ? at - from : 0, from > at ? from - at : 0, mask};
    int k = 0;
    while (k < count &&
           (moves[k].from != move.from || moves[k].left != move.left || moves[k].right != move.right))
      k++;
    if (k == count) moves[count++] = move;
    moves[k].mask |= mask;
  }
  if (count <= 2) {
    EACH_LANE result.lanes[lane] = moves[0](lane) | moves[1](lane) | ones;
  } else {
    EACH_LANE result.lanes[lane] = moves[0](lane) | moves[1](lane) | moves[2](lane) | moves[3](lane) | ones;
  }
  copyLanes(wave.vector[i.destination - 256], result.lanes, wave.exec());
}

void shiftLeftAddU64Uniform(Wave& wave, const Instruction& i) {
  if (i.source[1].isVector()) return Operation<shiftLeftAddU64>::plain(wave, i);
  LaneBuffer buffers[2][2], result[2];
  const uint32_t* const value = fetchPlain(wave, i, 0, kU64, buffers[0]);
  const uint32_t* const addend = fetchPlain(wave, i, 2, kU64, buffers[1]);
  const uint32_t wanted = uniform32(wave, i.source[1], i.literal) & 7, amount = wanted > 4 ? 0 : wanted;
  EACH_LANE {
    const uint32_t low = value[lane] << amount;
    const uint32_t high = value[kLanes + lane] << amount | value[lane] >> 1 >> (31 - amount);
    const uint32_t sum = low + addend[lane];
    result[0].lanes[lane] = sum;
    result[1].lanes[lane] = high + addend[kLanes + lane] + (sum < low);
  }
  for (int r = 0; r < 2; r++) copyLanes(wave.vector[i.destination - 256 + r], result[r].lanes, wave.exec());
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
