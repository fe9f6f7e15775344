#include <type_traits>

#include "execute/special.h"

#include "execute/convert.h"
#include "execute/integer.h"

// Vector instructions on masks: selects, carries, and what depends on the lane's number.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

constexpr ValueKind kU32 = Lane<uint32_t>::kind, kU64 = Lane<uint64_t>::kind;

uint64_t maskSource(const Wave& wave, const Instruction& i, int index) {
  return uniformValue(wave, i.source[index], i.literal, kU64);
}

/// kSign: result = a + b + carry or a - b - borrow; a and b swapped where reversed.
template <bool kSubtract, bool kReverse, bool kCarryIn>
void carry(Wave& wave, const Instruction& i) {
  LaneBuffer buffers[2], result, carryIn;
  const uint32_t* a = fetch(wave, i, kReverse ? 1 : 0, kU32, &buffers[0]);
  const uint32_t* b = fetch(wave, i, kReverse ? 0 : 1, kU32, &buffers[1]);
  if (kCarryIn) lanesOfMask(carryIn.lanes, maskSource(wave, i, 2));
  LaneBuffer carryOut;
  EACH_LANE {
    const uint32_t in = kCarryIn ? carryIn.lanes[lane] : 0;
    const uint32_t x = a[lane], y = b[lane];
    const uint32_t value = kSubtract ? x - y - in : x + y + in;
    carryOut.lanes[lane] =
        flag(kSubtract ? (x < y) | ((x == y) & (in != 0)) : (value < x) | ((value == x) & (in != 0)));
    result.lanes[lane] = value;
  }
  const uint64_t lanes = writtenLanes(wave, i);
  store(wave, i, kU32, &result);
  wave.setScalar64(i.scalarDestination, maskOfLanes(carryOut) & lanes);
}

}  // namespace

void nothing(Wave&, const Instruction&) {}

void conditionalMove(Wave& wave, const Instruction& i) {
  LaneBuffer buffers[2], result;
  const uint32_t* clear = fetch(wave, i, 0, kU32, &buffers[0]);
  const uint32_t* set = fetch(wave, i, 1, kU32, &buffers[1]);
  selectLanes(result.lanes, clear, set, maskSource(wave, i, 2));
  store(wave, i, kU32, &result);
}

void conditionalMovePlain(Wave& wave, const Instruction& i) {
  LaneBuffer buffers[2];
  const uint32_t* clear = fetchPlain(wave, i, 0, kU32, &buffers[0]);
  const uint32_t* set = fetchPlain(wave, i, 1, kU32, &buffers[1]);
  const int code = i.source[2].code;
  const uint64_t mask = code < reg::inlineIntegers ? wave.scalar64(code) : maskSource(wave, i, 2);
  uint32_t* destination = wave.vector[i.destination - 256];
  const uint64_t exec = wave.exec();
  if (exec == kAllLanes) return selectLanes(destination, clear, set, mask);
  LaneBuffer result;
  selectLanes(result.lanes, clear, set, mask);
  copyLanes(destination, result.lanes, exec);
}

void addCarryOut(Wave& wave, const Instruction& i) { carry<false, false, false>(wave, i); }
void subtractBorrowOut(Wave& wave, const Instruction& i) { carry<true, false, false>(wave, i); }
void reverseSubtractBorrowOut(Wave& wave, const Instruction& i) { carry<true, true, false>(wave, i); }
void addCarry(Wave& wave, const Instruction& i) { carry<false, false, true>(wave, i); }
void subtractBorrow(Wave& wave, const Instruction& i) { carry<true, false, true>(wave, i); }
void reverseSubtractBorrow(Wave& wave, const Instruction& i) { carry<true, true, true>(wave, i); }

/// a * b + c in 64 bits, and whether it does not fit: written in 32-bit halves, so that it vectorises.
template <class T>
void multiplyAdd64(Wave& wave, const Instruction& i) {
  using Wide = std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>;
  LaneBuffer buffers[2], addend[2], result[2], overflow;
  const uint32_t* a = fetch(wave, i, 0, Lane<T>::kind, &buffers[0]);
  const uint32_t* b = fetch(wave, i, 1, Lane<T>::kind, &buffers[1]);
  const uint32_t* c = fetch(wave, i, 2, Lane<Wide>::kind, addend);
  const uint32_t* cHigh = c + kLanes;
  EACH_LANE {
    const uint32_t low = a[lane] * b[lane];
    const auto high = static_cast<uint32_t>(Wide{static_cast<T>(a[lane])} * static_cast<T>(b[lane]) >> 32);
    const uint32_t sum = low + c[lane], carry = sum < low;
    const uint32_t half = high + cHigh[lane], sumHigh = half + carry;
    result[0].lanes[lane] = sum;
    result[1].lanes[lane] = sumHigh;
    overflow.lanes[lane] = std::is_signed_v<T> ? flag(((sumHigh ^ high) & (sumHigh ^ cHigh[lane])) >> 31)
                                               : flag((half < high) | (sumHigh < half));
  }
  store(wave, i, kU64, result);
  wave.setScalar64(i.scalarDestination, maskOfLanes(overflow) & wave.exec());
}

void madU64U32(Wave& wave, const Instruction& i) { multiplyAdd64<uint32_t>(wave, i); }
void madI64I32(Wave& wave, const Instruction& i) { multiplyAdd64<int32_t>(wave, i); }

void bitOperation3(Wave& wave, const Instruction& i) {
  LaneBuffer buffers[3], result;
  const uint32_t* a = fetch(wave, i, 0, kU32, &buffers[0]);
  const uint32_t* b = fetch(wave, i, 1, kU32, &buffers[1]);
  const uint32_t* c = fetch(wave, i, 2, kU32, &buffers[2]);
  // Bit 4a + 2b + c of the table is the result for bits a, b, c.
  const uint32_t table = i.truthTable;
  uint32_t terms[8];
  for (int k = 0; k < 8; k++) terms[k] = table >> k & 1 ? ~0u : 0;
  EACH_LANE {
    const uint32_t x = a[lane], y = b[lane], z = c[lane];
    const uint32_t without =
        (~y & ((~z & terms[0]) | (z & terms[1]))) | (y & ((~z & terms[2]) | (z & terms[3])));
    const uint32_t with =
        (~y & ((~z & terms[4]) | (z & terms[5]))) | (y & ((~z & terms[6]) | (z & terms[7])));
    result.lanes[lane] = (~x & without) | (x & with);
  }
  store(wave, i, kU32, &result);
}

void maskedQuadSadU32(Wave& wave, const Instruction& i) {
  LaneBuffer a[2], b, c[4];
  const uint32_t* windows = fetch(wave, i, 0, kU64, a);
  const uint32_t* reference = fetch(wave, i, 1, kU32, &b);
  if (!i.source[2].isVector()) return;
  std::memcpy(c, wave.vector[i.source[2].vectorIndex()], sizeof c);
  EACH_LANE {
    const uint64_t window = Lane<uint64_t>::load(windows, lane);
    for (int k = 0; k < 4; k++)
      c[k].lanes[lane] += byteDifferences<true>(static_cast<uint32_t>(window >> (8 * k)), reference[lane]);
  }
  for (int k = 0; k < 4; k++) copyLanes(wave.vector[i.destination - 256 + k], c[k].lanes, wave.exec());
}

void maskedBitCountLow(Wave& wave, const Instruction& i) {
  LaneBuffer buffers[2], result;
  const uint32_t* mask = fetch(wave, i, 0, kU32, &buffers[0]);
  const uint32_t* base = fetch(wave, i, 1, kU32, &buffers[1]);
  EACH_LANE {
    const uint32_t below = lane < 32 ? (1u << lane) - 1 : ~0u;
    result.lanes[lane] = bitCount(mask[lane] & below, base[lane]);
  }
  store(wave, i, kU32, &result);
}

void maskedBitCountHigh(Wave& wave, const Instruction& i) {
  LaneBuffer buffers[2], result;
  const uint32_t* mask = fetch(wave, i, 0, kU32, &buffers[0]);
  const uint32_t* base = fetch(wave, i, 1, kU32, &buffers[1]);
  EACH_LANE {
    const uint32_t below = lane < 32 ? 0 : (1u << (lane - 32)) - 1;
    result.lanes[lane] = bitCount(mask[lane] & below, base[lane]);
  }
  store(wave, i, kU32, &result);
}

void packAccumulateU8(Wave& wave, const Instruction& i) {
  LaneBuffer buffers[2], result;
  const uint32_t* value = fetch(wave, i, 0, Lane<float>::kind, &buffers[0]);
  const uint32_t* index = fetch(wave, i, 1, kU32, &buffers[1]);
  const uint32_t* old = wave.vector[i.destination - 256];
  EACH_LANE result.lanes[lane] = packU8(floatOf(value[lane]), index[lane], old[lane]);
  store(wave, i, kU32, &result);
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
