#include "execute/packed_special.h"

#include "execute/arithmetic.h"
#include "execute/integer.h"
#include "execute/packed.h"

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

constexpr ValueKind kU32 = Lane<uint32_t>::kind, kF32 = Lane<float>::kind, kF16 = Lane<F16>::kind;

/// One source of a mix instruction, widened to binary32.
void mixSource(const Wave& wave, const Instruction& i, int index, float* value) {
  const Operand& operand = i.source[index];
  const bool isHalf = i.opSelHi >> index & 1;
  const uint32_t shift = i.opSel >> index & 1 ? 16 : 0;
  LaneBuffer buffer;
  const uint32_t* lanes =
      isHalf ? fetchPlain(wave, i, index, kF16, &buffer) : fetchPlain(wave, i, index, kF32, &buffer);
  const uint32_t keep = operand.absolute ? 0x7fffffff : ~0u, flip = operand.negate ? 0x80000000 : 0;
  if (isHalf) {
    EACH_LANE value[lane] = halfToFloat(lanes[lane] >> shift & 0xffff);
    if (!HalfMode(wave.mode).keepsSources) EACH_LANE value[lane] = flush(F16{value[lane]}).value;
  } else {
    EACH_LANE value[lane] = floatOf(lanes[lane]);
  }
  EACH_LANE value[lane] = floatOf((bitsOf(value[lane]) & keep) ^ flip);
}

void mix(const Wave& wave, const Instruction& i, float* result) {
  alignas(64) float a[kLanes], b[kLanes], c[kLanes];
  mixSource(wave, i, 0, a);
  mixSource(wave, i, 1, b);
  mixSource(wave, i, 2, c);
  EACH_LANE result[lane] = fmaF32(a[lane], b[lane], c[lane]);
  const bool keepsNan = clampKeepsNan(wave);
  if (i.clamp) EACH_LANE result[lane] = clampToUnit(result[lane], keepsNan);
}

/// The result in one half of the destination.
void mixHalf(Wave& wave, const Instruction& i, int shift) {
  alignas(64) float result[kLanes];
  mix(wave, i, result);
  const ScopedMxcsr floatMode(mxcsr64(wave.mode));
  const HalfMode mode(wave.mode);
  uint32_t* destination = wave.vector[i.destination - 256];
  LaneBuffer merged;
  EACH_LANE merged.lanes[lane] = (destination[lane] & ~(0xffffu << shift)) | floatToHalf(result[lane], mode)
                                                                                 << shift;
  copyLanes(destination, merged.lanes, wave.exec());
}

/// Sums products of `Parts` parts of both sources, extended by T's sign. The clamp bit saturates.
template <int kBits, bool kSigned>
void dotIntegers(Wave& wave, const Instruction& i) {
  LaneBuffer buffers[3], result;
  const uint32_t* a = fetchPlain(wave, i, 0, kU32, &buffers[0]);
  const uint32_t* b = fetchPlain(wave, i, 1, kU32, &buffers[1]);
  const uint32_t* c = fetchPlain(wave, i, 2, kU32, &buffers[2]);
  const auto part = [](uint32_t value, int k) {
    const uint32_t bits = value << (32 - kBits - k);
    return kSigned ? int64_t{static_cast<int32_t>(bits) >> (32 - kBits)} : int64_t{bits >> (32 - kBits)};
  };
  EACH_LANE {
    int64_t sum = kSigned ? int64_t{static_cast<int32_t>(c[lane])} : int64_t{c[lane]};
    for (int k = 0; k < 32; k += kBits) sum += part(a[lane], k) * part(b[lane], k);
    const uint32_t limited =
        kSigned ? static_cast<uint32_t>(saturate<int32_t>(sum)) : saturate<uint32_t>(sum);
    result.lanes[lane] = i.clamp ? limited : static_cast<uint32_t>(sum);
  }
  copyLanes(wave.vector[i.destination - 256], result.lanes, wave.exec());
}

/// The products are exact in binary64, as good as always their sum, too.
template <class Widen>
void dotHalves(Wave& wave, const Instruction& i, Widen widen) {
  LaneBuffer buffers[3], result;
  const uint32_t* a = fetchPlain(wave, i, 0, kF16, &buffers[0]);
  const uint32_t* b = fetchPlain(wave, i, 1, kF16, &buffers[1]);
  const uint32_t* c = fetchPlain(wave, i, 2, kF32, &buffers[2]);
  const HalfSelect lowA(i, 0, false), lowB(i, 1, false), highA(i, 0, true), highB(i, 1, true);
  const uint32_t flip = i.source[2].negate ? 0x80000000 : 0;
  const bool clamp = i.clamp, keepsNan = clampKeepsNan(wave);
  EACH_LANE {
    const float factors[] = {widen(lowA(a[lane])), widen(lowB(b[lane])), widen(highA(a[lane])),
                             widen(highB(b[lane]))};
    const double low = static_cast<double>(factors[0]) * factors[1];
    const double high = static_cast<double>(factors[2]) * factors[3];
    float sum = static_cast<float>(low + high + floatOf(c[lane] ^ flip));
    for (int k = 3; k >= 0; k--) sum = nanOr(factors[k], sum);
    result.lanes[lane] = bitsOf(clamp ? clampToUnit(sum, keepsNan) : sum);
  }
  copyLanes(wave.vector[i.destination - 256], result.lanes, wave.exec());
}

}  // namespace

void packedMove(Wave& wave, const Instruction& i) {
  // The low result is source 0's register that op_sel[0] names, the high one source 1's that op_sel[1] names.
  LaneBuffer results[2];
  for (int k = 0; k < 2; k++) {
    const Operand& operand = i.source[k];
    const int select = i.opSel >> k & 1;
    if (operand.isVector())
      std::memcpy(results[k].lanes, wave.vector[operand.vectorIndex() + select], sizeof results[k]);
    else
      fill(results[k].lanes, operand.code < reg::inlineIntegers ? wave.scalar[operand.code + select]
                                                                : uniform32(wave, operand, i.literal));
  }
  for (int k = 0; k < 2; k++) copyLanes(wave.vector[i.destination - 256 + k], results[k].lanes, wave.exec());
}

void mixF32(Wave& wave, const Instruction& i) {
  alignas(64) float result[kLanes];
  mix(wave, i, result);
  LaneBuffer bits;
  std::memcpy(bits.lanes, result, sizeof bits);
  copyLanes(wave.vector[i.destination - 256], bits.lanes, wave.exec());
}

void mixLowF16(Wave& wave, const Instruction& i) { mixHalf(wave, i, 0); }
void mixHighF16(Wave& wave, const Instruction& i) { mixHalf(wave, i, 16); }

void dot2F32F16(Wave& wave, const Instruction& i) { dotHalves(wave, i, halfToFloat); }
void dot2F32Bf16(Wave& wave, const Instruction& i) { dotHalves(wave, i, bf16ToFloat); }
void dot2I32I16(Wave& wave, const Instruction& i) { dotIntegers<16, true>(wave, i); }
void dot2U32U16(Wave& wave, const Instruction& i) { dotIntegers<16, false>(wave, i); }
void dot4I32I8(Wave& wave, const Instruction& i) { dotIntegers<8, true>(wave, i); }
void dot4U32U8(Wave& wave, const Instruction& i) { dotIntegers<8, false>(wave, i); }
void dot8I32I4(Wave& wave, const Instruction& i) { dotIntegers<4, true>(wave, i); }
void dot8U32U4(Wave& wave, const Instruction& i) { dotIntegers<4, false>(wave, i); }

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
