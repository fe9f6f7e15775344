#pragma once

#include "execute/float8.h"
#include "execute/half_mode.h"
#include "execute/operands.h"
#include "execute/registers.h"

// Conversions to formats of 8 and 4 bits. They round to nearest, ties to even, whatever MODE says; of MODE
// they know FP16_OVFL, under which finite values that are too large become the largest number. What becomes
// of infinities then, and of infinities and NaN in fp4, is not documented: such a conversion faults.

namespace emulator {
namespace EMULATOR_LEVEL {

constexpr uint8_t kHighResult = 8;  ///< op_sel's bit for the destination

/// A format to narrow to.
template <int kFormatBits, uint32_t (*kNarrow)(float), int kLargestNumber>
struct SmallFormat {
  static constexpr int kBits = kFormatBits;
  static constexpr float kLargest = kLargestNumber;
  static uint32_t narrow(float value) { return kNarrow(value); }
};
using Fp8Fnuz = SmallFormat<8, floatToFp8Fnuz, 240>;
using Bf8Fnuz = SmallFormat<8, floatToBf8Fnuz, 57344>;
using Fp8 = SmallFormat<8, floatToFp8, 448>;
using Bf8 = SmallFormat<8, floatToBf8, 57344>;
using Fp4 = SmallFormat<4, floatToFp4, 6>;

/// The scale of a conversion: 2^(exponent of the source - 127).
inline float scaleOf(uint32_t source) {
  const uint32_t exponent = source >> 23 & 255;
  return floatOf(exponent == 255 ? 0x7fc00000 : exponent ? exponent << 23 : 0x00400000);
}

/// Two floats of each lane, divided by its scale, in the part of the destination that op_sel names; the rest
/// stays.
template <class Format>
void narrowPair(Wave& wave, const Instruction& i, const LaneBuffer& low, const LaneBuffer& high,
                const LaneBuffer& scale) {
  constexpr bool kIsFp4 = Format::kBits == 4;
  constexpr uint32_t kPart = (1u << 2 * Format::kBits) - 1;
  const bool saturates = wave.mode & mode::fp16Overflow;
  const ScopedMxcsr floatMode(mxcsrOf(0, mode::keepSources | mode::keepResults));
  const uint64_t lanes = writtenLanes(wave, i);
  const int shift = kIsFp4 ? 8 * (i.opSel >> 2 & 3) : i.opSel & kHighResult ? 16 : 0;
  uint32_t* to = registers(wave, i.destination)[0];
  bool unknown = false;
  const auto narrow = [&](uint32_t bits, int lane) {
    const float source = floatOf(bits);
    float value = source / scaleOf(scale.lanes[lane]);
    const bool open =
        kIsFp4 ? !isFinite(source) || isNan(value) : saturates && !isFinite(source) && !isNan(source);
    unknown |= open && (lanes >> lane & 1);
    if (saturates && std::fabs(value) > Format::kLargest) value = std::copysign(Format::kLargest, value);
    return Format::narrow(value);
  };
  LaneBuffer result;
  for (int lane = 0; lane < kLanes; lane++) {
    const uint32_t pair = narrow(low.lanes[lane], lane) | narrow(high.lanes[lane], lane) << Format::kBits;
    result.lanes[lane] = (to[lane] & ~(kPart << shift)) | pair << shift;
  }
  if (unknown && kIsFp4)
    return raiseFault(wave, FaultKind::illegalInstruction, -1, 0, 0,
                      "the emulator does not model infinities and NaN in fp4");
  if (unknown) return refuseInfinity(wave);
  copyLanes(to, result.lanes, lanes);
}

inline void copyRegister(LaneBuffer* to, const uint32_t* from) {
  std::memcpy(to->lanes, from, sizeof to->lanes);
}

/// Sources: two floats and, for v_cvt_scalef32_*, the scale.
template <class Format, bool kScaled>
void narrowFloats(Wave& wave, const Instruction& i) {
  constexpr ValueKind kFloat = Lane<float>::kind;
  LaneBuffer low, high, scale, buffer;
  copyRegister(&low, fetch(wave, i, 0, kFloat, &buffer));
  copyRegister(&high, fetch(wave, i, 1, kFloat, &buffer));
  if (kScaled)
    copyRegister(&scale, fetch(wave, i, 2, Lane<uint32_t>::kind, &buffer));
  else
    fill(scale.lanes, bitsOf(1.0f));
  narrowPair<Format>(wave, i, low, high, scale);
}

/// Sources: a pair of 16-bit floats and the scale.
template <class Format, float (*kWiden)(uint32_t)>
void narrowHalves(Wave& wave, const Instruction& i) {
  constexpr ValueKind kWord = Lane<uint32_t>::kind;
  LaneBuffer low, high, scale, buffer;
  const uint32_t* pairs = fetch(wave, i, 0, kWord, &buffer);
  for (int lane = 0; lane < kLanes; lane++) {
    low.lanes[lane] = bitsOf(kWiden(pairs[lane] & 0xffff));
    high.lanes[lane] = bitsOf(kWiden(pairs[lane] >> 16));
  }
  copyRegister(&scale, fetch(wave, i, 1, kWord, &buffer));
  narrowPair<Format>(wave, i, low, high, scale);
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
