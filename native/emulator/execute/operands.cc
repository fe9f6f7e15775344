#include "execute/operands.h"

#include <algorithm>
#include <iterator>

#include "execute/float_mode.h"

namespace emulator {
namespace EMULATOR_LEVEL {

uint64_t uniformValue(const Wave& wave, const Operand& operand, uint32_t literal, ValueKind kind) {
  const int code = operand.code;
  if (code == reg::literal) {
    // A 32-bit literal is the high half of a double, else extended by its type's sign.
    if (kind.bits != 64) return literal;
    if (kind.isFloat) return uint64_t{literal} << 32;
    return kind.isSigned ? static_cast<uint64_t>(int64_t{static_cast<int32_t>(literal)}) : literal;
  }
  if (code == reg::vccz) return wave.scalar64(reg::vccLo) == 0;
  if (code == reg::execz) return wave.exec() == 0;
  const uint32_t value = wave.scalar[code];
  const bool floatConstant = code >= reg::inlineFloats && code <= 248;
  if (kind.bits == 16) return floatConstant ? floatToHalf(floatOf(value)) : value;
  if (kind.bits == 32) return value;
  if (code < reg::inlineIntegers) return wave.scalar64(code);
  if (code == 248) return 0x3fc45f306dc9c882;  // 1 / (2 pi) in full precision
  if (floatConstant) return bitCast<uint64_t>(static_cast<double>(floatOf(value)));
  // Apertures are kept as the high half of their address.
  if (code == reg::sharedBase || code == reg::privateBase) return uint64_t{value} << 32;
  if (code == reg::sharedLimit || code == reg::privateLimit) return uint64_t{value} << 32 | 0xffffffff;
  if (code == reg::scc) return value;
  return static_cast<uint64_t>(int64_t{static_cast<int32_t>(value)});
}

bool dppControlExists(int control) {
  if (control <= 0xff) return true;                               // quad_perm
  if (control >= 0x101 && control <= 0x10f) return true;          // row_shl
  if (control >= 0x111 && control <= 0x11f) return true;          // row_shr
  if (control >= 0x121 && control <= 0x12f) return true;          // row_ror
  if (control >= 0x150 && control <= 0x15f) return true;          // row_newbcast
  static constexpr int kOthers[] = {0x130, 0x134, 0x138, 0x13c,   // wave_shl, rol, shr, ror by 1
                                    0x140, 0x141, 0x142, 0x143};  // mirrors, row_bcast:15 and :31
  return std::find(std::begin(kOthers), std::end(kOthers), control) != std::end(kOthers);
}

int dppSource(int control, int lane) {
  const int row = lane & 48, inRow = lane & 15;
  if (control <= 0xff) return (lane & 60) | (control >> (2 * (lane & 3)) & 3);
  const int amount = control & 15;
  switch (control >> 4) {
    case 0x10:
      return inRow + amount < 16 ? lane + amount : -1;
    case 0x11:
      return inRow - amount >= 0 ? lane - amount : -1;
    case 0x12:
      return row | ((inRow - amount) & 15);
    case 0x15:
      return row | amount;
    default:
      break;
  }
  switch (control) {
    case 0x130:
      return lane < 63 ? lane + 1 : -1;
    case 0x134:
      return (lane + 1) & 63;
    case 0x138:
      return lane > 0 ? lane - 1 : -1;
    case 0x13c:
      return (lane - 1) & 63;
    case 0x140:
      return row | (15 - inRow);
    case 0x141:
      return (lane & 56) | (7 - (lane & 7));
    case 0x142:
      return row > 0 ? row - 1 : -1;
    case 0x143:
      return lane >= 32 ? 31 : -1;
    default:
      return -1;
  }
}

namespace {

/// Source lanes of every DPP control, and which lanes have one.
struct DppTable {
  uint8_t source[0x160][kLanes];
  uint64_t exists[0x160];
  DppTable() {
    for (int control = 0; control < 0x160; control++) {
      exists[control] = 0;
      for (int lane = 0; lane < kLanes; lane++) {
        const int from = dppSource(control, lane);
        source[control][lane] = static_cast<uint8_t>(from < 0 ? lane : from);
        if (from >= 0) exists[control] |= uint64_t{1} << lane;
      }
    }
  }
};

const DppTable& dppTable() {
  static const DppTable table;
  return table;
}

/// The lanes whose DPP source exists and is active.
uint64_t dppValid(const Wave& wave, int control) {
  const DppTable& table = dppTable();
  const uint64_t exec = wave.exec();
  if (exec == kAllLanes) return table.exists[control];
  uint64_t active = 0;
  for (int lane = 0; lane < kLanes; lane++) active |= (exec >> table.source[control][lane] & 1) << lane;
  return active & table.exists[control];
}

void permute(const Wave& wave, int control, const uint32_t* from, uint32_t* to) {
  const uint8_t* source = dppTable().source[control];
  LaneBuffer moved;
  for (int lane = 0; lane < kLanes; lane++) moved.lanes[lane] = from[source[lane]];
  fill(to, 0);
  copyLanes(to, moved.lanes, dppValid(wave, control));
}

void selectPart(const Operand& operand, const uint32_t* from, uint32_t* to) {
  const int bits = operand.select < 4 ? 8 : 16;
  const int shift = operand.select < 4 ? 8 * operand.select : 16 * (operand.select - 4);
  if (operand.signExtend) {
    const int left = 32 - bits - shift, right = 32 - bits;
    EACH_LANE to[lane] = static_cast<uint32_t>(static_cast<int32_t>(from[lane] << left) >> right);
  } else {
    const uint32_t mask = (1u << bits) - 1;
    EACH_LANE to[lane] = from[lane] >> shift & mask;
  }
}

/// The output modifier and the clamp of a result.
struct OutputModifiers {
  float scale;
  bool clamp, keepsNan;

  OutputModifiers(const Wave& wave, const Instruction& i)
      : scale(i.outputModifier == 1   ? 2.0f
              : i.outputModifier == 2 ? 4.0f
              : i.outputModifier == 3 ? 0.5f
                                      : 1.0f),
        clamp(i.clamp),
        keepsNan(clampKeepsNan(wave)) {}

  template <class T>
  T operator()(T value) const {
    const T scaled = value * static_cast<T>(scale);
    return clamp ? clampToUnit(scaled, keepsNan) : scaled;
  }
};

void modifyResult(const Wave& wave, const Instruction& i, ValueKind kind, LaneBuffer* result) {
  uint32_t* r = result->lanes;
  const OutputModifiers modified(wave, i);
  if (kind.bits == 32) {
    EACH_LANE r[lane] = bitsOf(modified(floatOf(r[lane])));
  } else if (kind.bits == 16) {
    EACH_LANE r[lane] = floatToHalf(modified(halfToFloat(r[lane])));
  } else {
    EACH_LANE Lane<double>::store(r, lane, modified(Lane<double>::load(r, lane)));
  }
}

/// Puts a result into a part of the destination register (SDWA, or a half of it by op_sel).
void placeResult(const Instruction& i, const uint32_t* old, uint32_t* r) {
  const int bits = i.destinationSelect < 4 ? 8 : 16;
  const int shift = i.destinationSelect < 4 ? 8 * i.destinationSelect : 16 * (i.destinationSelect - 4);
  const uint32_t part = ((1u << bits) - 1) << shift;
  if (i.destinationUnused == 2) {
    EACH_LANE r[lane] = (r[lane] << shift & part) | (old[lane] & ~part);
  } else if (i.destinationUnused == 1) {
    const uint32_t above = shift + bits == 32 ? 0 : ~0u << (shift + bits);
    EACH_LANE r[lane] = (r[lane] << shift & part) | (r[lane] >> (bits - 1) & 1 ? above : 0);
  } else {
    EACH_LANE r[lane] = r[lane] << shift & part;
  }
}

}  // namespace

const uint32_t* fetch(const Wave& wave, const Instruction& i, int index, ValueKind kind, LaneBuffer* buffer) {
  const Operand& operand = i.source[index];
  const uint32_t* source = fetchPlain(wave, i, index, kind, buffer);
  uint32_t* to = buffer->lanes;
  if (index == 0 && i.dpp) {
    for (int r = 0; r < kind.registers(); r++)
      permute(wave, i.dppControl, source + r * kLanes, to + r * kLanes);
    source = to;
  }
  if (operand.select != 6) {
    selectPart(operand, source, to);
    source = to;
  }
  if (!operand.negate && !operand.absolute) return source;
  if (kind.bits == 64 && source != to) EACH_LANE to[lane] = source[lane];
  const int high = kind.bits == 64 ? kLanes : 0;
  const uint32_t sign = kind.bits == 16 ? 0x8000 : 0x80000000;
  const uint32_t keep = operand.absolute ? ~sign : ~0u, flip = operand.negate ? sign : 0;
  EACH_LANE to[high + lane] = (source[high + lane] & keep) ^ flip;
  return to;
}

uint64_t writtenLanes(const Wave& wave, const Instruction& i) {
  const uint64_t exec = wave.exec();
  if (!i.dpp) return exec;
  // A bank is four lanes of a row, a row sixteen.
  uint64_t allowed = 0;
  for (int bank = 0; bank < 4; bank++)
    if (i.bankMask >> bank & 1) allowed |= uint64_t{0x000f000f000f000f} << (4 * bank);
  for (int row = 0; row < 4; row++)
    if (!(i.rowMask >> row & 1)) allowed &= ~(uint64_t{0xffff} << (16 * row));
  if (!i.boundControl) allowed &= dppValid(wave, i.dppControl);
  return exec & allowed;
}

void store(Wave& wave, const Instruction& i, ValueKind kind, LaneBuffer* result) {
  uint32_t* destination = wave.vector[i.destination - 256];
  if (kind.isFloat && (i.outputModifier || i.clamp)) modifyResult(wave, i, kind, result);
  if (i.destinationSelect != 6) placeResult(i, destination, result->lanes);
  const uint64_t lanes = writtenLanes(wave, i);
  for (int r = 0; r < kind.registers(); r++) copyLanes(destination + r * kLanes, result[r].lanes, lanes);
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
