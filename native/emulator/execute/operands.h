#pragma once

#include <cstdint>

#include "execute/lanes.h"
#include "execute/numeric.h"
#include "isa/instruction.h"
#include "wave/wave.h"

// Sources and results of vector instructions. A value of a lane is 16, 32 or 64 bits; 64-bit values take two
// consecutive registers, and so do the buffers here (low halves of all lanes, then high halves).

namespace emulator {
namespace EMULATOR_LEVEL {

/// How one value is kept in registers and what the modifiers do to it.
struct ValueKind {
  uint8_t bits;
  bool isFloat, isSigned;
  constexpr int registers() const { return bits == 64 ? 2 : 1; }
};

/// A function's parameter or result type as lanes hold it.
template <class T>
struct Lane;

template <>
struct Lane<uint32_t> {
  static constexpr ValueKind kind{32, false, false};
  static uint32_t load(const uint32_t* r, int lane) { return r[lane]; }
  static void store(uint32_t* r, int lane, uint32_t value) { r[lane] = value; }
};
template <>
struct Lane<int32_t> {
  static constexpr ValueKind kind{32, false, true};
  static int32_t load(const uint32_t* r, int lane) { return static_cast<int32_t>(r[lane]); }
  static void store(uint32_t* r, int lane, int32_t value) { r[lane] = static_cast<uint32_t>(value); }
};
template <>
struct Lane<float> {
  static constexpr ValueKind kind{32, true, true};
  static float load(const uint32_t* r, int lane) { return floatOf(r[lane]); }
  static void store(uint32_t* r, int lane, float value) { r[lane] = bitsOf(value); }
};
template <>
struct Lane<uint16_t> {
  static constexpr ValueKind kind{16, false, false};
  static uint16_t load(const uint32_t* r, int lane) { return static_cast<uint16_t>(r[lane]); }
  static void store(uint32_t* r, int lane, uint16_t value) { r[lane] = value; }
};
template <>
struct Lane<int16_t> {
  static constexpr ValueKind kind{16, false, true};
  static int16_t load(const uint32_t* r, int lane) { return static_cast<int16_t>(r[lane]); }
  static void store(uint32_t* r, int lane, int16_t value) { r[lane] = static_cast<uint16_t>(value); }
};
template <>
struct Lane<F16> {
  static constexpr ValueKind kind{16, true, true};
  static F16 load(const uint32_t* r, int lane) { return {halfToFloat(r[lane] & 0xffff)}; }
  static void store(uint32_t* r, int lane, F16 value) { r[lane] = floatToHalf(value.value); }
};
template <>
struct Lane<F16Bits> {
  static constexpr ValueKind kind{16, true, true};
  static F16Bits load(const uint32_t* r, int lane) { return {static_cast<uint16_t>(r[lane])}; }
};
template <>
struct Lane<F16Pair> {
  static constexpr ValueKind kind{32, false, false};
  static void store(uint32_t* r, int lane, F16Pair value) {
    r[lane] = floatToHalf(value.low) | floatToHalf(value.high) << 16;
  }
};
template <>
struct Lane<uint64_t> {
  static constexpr ValueKind kind{64, false, false};
  static uint64_t load(const uint32_t* r, int lane) { return r[lane] | uint64_t{r[kLanes + lane]} << 32; }
  static void store(uint32_t* r, int lane, uint64_t value) {
    r[lane] = static_cast<uint32_t>(value);
    r[kLanes + lane] = static_cast<uint32_t>(value >> 32);
  }
};
template <>
struct Lane<int64_t> {
  static constexpr ValueKind kind{64, false, true};
  static int64_t load(const uint32_t* r, int lane) {
    return static_cast<int64_t>(Lane<uint64_t>::load(r, lane));
  }
  static void store(uint32_t* r, int lane, int64_t value) {
    Lane<uint64_t>::store(r, lane, static_cast<uint64_t>(value));
  }
};
template <>
struct Lane<double> {
  static constexpr ValueKind kind{64, true, true};
  static double load(const uint32_t* r, int lane) { return bitCast<double>(Lane<uint64_t>::load(r, lane)); }
  static void store(uint32_t* r, int lane, double value) {
    Lane<uint64_t>::store(r, lane, bitCast<uint64_t>(value));
  }
};

/// The value of a scalar source (not a vector register) that is read as `kind`.
uint64_t uniformValue(const Wave& wave, const Operand& operand, uint32_t literal, ValueKind kind);

/// The same for plain 32-bit reads, where constants need no conversion.
inline uint32_t uniform32(const Wave& wave, const Operand& operand, uint32_t literal) {
  if (operand.code >= reg::vccz && operand.code != reg::scc)
    return static_cast<uint32_t>(uniformValue(wave, operand, literal, Lane<uint32_t>::kind));
  return wave.scalar[operand.code];
}

/// All lanes of a source, with its modifiers applied (neg, abs, SDWA and op_sel selects, DPP for source 0):
/// `buffer` (as many registers as the kind has) or the register itself where there is nothing to apply.
const uint32_t* fetch(const Wave& wave, const Instruction& instruction, int index, ValueKind kind,
                      LaneBuffer* buffer);

/// All lanes of a source of an instruction without modifiers.
inline const uint32_t* fetchPlain(const Wave& wave, const Instruction& instruction, int index, ValueKind kind,
                                  LaneBuffer* buffer) {
  const Operand& operand = instruction.source[index];
  if (operand.isVector()) return wave.vector[operand.vectorIndex()];
  if (kind.bits == 32) {
    fill(buffer->lanes, uniform32(wave, operand, instruction.literal));
  } else {
    const uint64_t value = uniformValue(wave, operand, instruction.literal, kind);
    fill(buffer[0].lanes, static_cast<uint32_t>(value));
    if (kind.bits == 64) fill(buffer[1].lanes, static_cast<uint32_t>(value >> 32));
  }
  return buffer->lanes;
}

/// Writes a result to the destination, for the lanes that EXEC and DPP allow, after output modifier, clamp
/// and SDWA or op_sel destination select. Changes `result`.
void store(Wave& wave, const Instruction& instruction, ValueKind kind, LaneBuffer* result);

/// The lanes that an instruction writes: EXEC, without those that DPP disables.
uint64_t writtenLanes(const Wave& wave, const Instruction& instruction);

/// The lane that DPP control `control` gives `lane` for source 0; -1 where there is none.
int dppSource(int control, int lane);
/// False for controls that this generation does not have.
bool dppControlExists(int control);

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
