#include "decode/memory_opcodes.h"

#include "execute/memory.h"

// MUBUF (31:26 = 111000): untyped access through a buffer descriptor.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

// clang-format off
//   opcode, {mnemonic, class, bits, handler}, bytes, results, operands, operands1, half, signed, atomic, targets
const MemoryOpcode kMubuf[] = {
    {0, {"buffer_load_format_x", InstructionClass::vectorMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {1, {"buffer_load_format_xy", InstructionClass::vectorMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {2, {"buffer_load_format_xyz", InstructionClass::vectorMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {3, {"buffer_load_format_xyzw", InstructionClass::vectorMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {4, {"buffer_store_format_x", InstructionClass::vectorMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {5, {"buffer_store_format_xy", InstructionClass::vectorMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {6, {"buffer_store_format_xyz", InstructionClass::vectorMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {7, {"buffer_store_format_xyzw", InstructionClass::vectorMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {8, {"buffer_load_format_d16_x", InstructionClass::vectorMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {9, {"buffer_load_format_d16_xy", InstructionClass::vectorMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {10, {"buffer_load_format_d16_xyz", InstructionClass::vectorMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {11, {"buffer_load_format_d16_xyzw", InstructionClass::vectorMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {12, {"buffer_store_format_d16_x", InstructionClass::vectorMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {13, {"buffer_store_format_d16_xy", InstructionClass::vectorMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {14, {"buffer_store_format_d16_xyz", InstructionClass::vectorMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {15, {"buffer_store_format_d16_xyzw", InstructionClass::vectorMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {38, {"buffer_load_format_d16_hi_x", InstructionClass::vectorMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {39, {"buffer_store_format_d16_hi_x", InstructionClass::vectorMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {16, {"buffer_load_ubyte", InstructionClass::vectorMemory, 32, bufferLoad<1>}, 1, 1, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {17, {"buffer_load_sbyte", InstructionClass::vectorMemory, 32, bufferLoad<1>}, 1, 1, 0, 0, 0, true, Atomic::swap, kAllTargets},
    {18, {"buffer_load_ushort", InstructionClass::vectorMemory, 32, bufferLoad<2>}, 2, 1, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {19, {"buffer_load_sshort", InstructionClass::vectorMemory, 32, bufferLoad<2>}, 2, 1, 0, 0, 0, true, Atomic::swap, kAllTargets},
    {20, {"buffer_load_dword", InstructionClass::vectorMemory, 32, bufferLoad<4>}, 4, 1, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {21, {"buffer_load_dwordx2", InstructionClass::vectorMemory, 32, bufferLoad<8>}, 8, 2, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {22, {"buffer_load_dwordx3", InstructionClass::vectorMemory, 32, bufferLoad<12>}, 12, 3, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {23, {"buffer_load_dwordx4", InstructionClass::vectorMemory, 32, bufferLoad<16>}, 16, 4, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {32, {"buffer_load_ubyte_d16", InstructionClass::vectorMemory, 32, bufferLoad<1>}, 1, 1, 0, 0, 1, false, Atomic::swap, kAllTargets},
    {33, {"buffer_load_ubyte_d16_hi", InstructionClass::vectorMemory, 32, bufferLoad<1>}, 1, 1, 0, 0, 2, false, Atomic::swap, kAllTargets},
    {34, {"buffer_load_sbyte_d16", InstructionClass::vectorMemory, 32, bufferLoad<1>}, 1, 1, 0, 0, 1, true, Atomic::swap, kAllTargets},
    {35, {"buffer_load_sbyte_d16_hi", InstructionClass::vectorMemory, 32, bufferLoad<1>}, 1, 1, 0, 0, 2, true, Atomic::swap, kAllTargets},
    {36, {"buffer_load_short_d16", InstructionClass::vectorMemory, 32, bufferLoad<2>}, 2, 1, 0, 0, 1, false, Atomic::swap, kAllTargets},
    {37, {"buffer_load_short_d16_hi", InstructionClass::vectorMemory, 32, bufferLoad<2>}, 2, 1, 0, 0, 2, false, Atomic::swap, kAllTargets},
    {24, {"buffer_store_byte", InstructionClass::vectorMemory, 32, bufferStore<1>}, 1, 0, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {25, {"buffer_store_byte_d16_hi", InstructionClass::vectorMemory, 32, bufferStore<1>}, 1, 0, 1, 0, 2, false, Atomic::swap, kAllTargets},
    {26, {"buffer_store_short", InstructionClass::vectorMemory, 32, bufferStore<2>}, 2, 0, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {27, {"buffer_store_short_d16_hi", InstructionClass::vectorMemory, 32, bufferStore<2>}, 2, 0, 1, 0, 2, false, Atomic::swap, kAllTargets},
    {28, {"buffer_store_dword", InstructionClass::vectorMemory, 32, bufferStore<4>}, 4, 0, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {29, {"buffer_store_dwordx2", InstructionClass::vectorMemory, 32, bufferStore<8>}, 8, 0, 2, 0, 0, false, Atomic::swap, kAllTargets},
    {30, {"buffer_store_dwordx3", InstructionClass::vectorMemory, 32, bufferStore<12>}, 12, 0, 3, 0, 0, false, Atomic::swap, kAllTargets},
    {31, {"buffer_store_dwordx4", InstructionClass::vectorMemory, 32, bufferStore<16>}, 16, 0, 4, 0, 0, false, Atomic::swap, kAllTargets},
    {64, {"buffer_atomic_swap", InstructionClass::vectorMemory, 32, bufferAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {65, {"buffer_atomic_cmpswap", InstructionClass::vectorMemory, 32, bufferAtomic<uint32_t>}, 4, 1, 2, 0, 0, false, Atomic::compareSwap, kAllTargets},
    {66, {"buffer_atomic_add", InstructionClass::vectorMemory, 32, bufferAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::add, kAllTargets},
    {67, {"buffer_atomic_sub", InstructionClass::vectorMemory, 32, bufferAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::subtract, kAllTargets},
    {68, {"buffer_atomic_smin", InstructionClass::vectorMemory, 32, bufferAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::signedMin, kAllTargets},
    {69, {"buffer_atomic_umin", InstructionClass::vectorMemory, 32, bufferAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::unsignedMin, kAllTargets},
    {70, {"buffer_atomic_smax", InstructionClass::vectorMemory, 32, bufferAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::signedMax, kAllTargets},
    {71, {"buffer_atomic_umax", InstructionClass::vectorMemory, 32, bufferAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::unsignedMax, kAllTargets},
    {72, {"buffer_atomic_and", InstructionClass::vectorMemory, 32, bufferAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::bitAnd, kAllTargets},
    {73, {"buffer_atomic_or", InstructionClass::vectorMemory, 32, bufferAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::bitOr, kAllTargets},
    {74, {"buffer_atomic_xor", InstructionClass::vectorMemory, 32, bufferAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::bitXor, kAllTargets},
    {75, {"buffer_atomic_inc", InstructionClass::vectorMemory, 32, bufferAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::increment, kAllTargets},
    {76, {"buffer_atomic_dec", InstructionClass::vectorMemory, 32, bufferAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::decrement, kAllTargets},
    {77, {"buffer_atomic_add_f32", InstructionClass::vectorMemory, 32, bufferAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::floatAdd, kAllTargets},
    {78, {"buffer_atomic_pk_add_f16", InstructionClass::vectorMemory, 32, bufferAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::packedAddF16, kAllTargets},
    {79, {"buffer_atomic_add_f64", InstructionClass::vectorMemory, 32, bufferAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::floatAdd, kAllTargets},
    {80, {"buffer_atomic_min_f64", InstructionClass::vectorMemory, 32, bufferAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::floatMin, kAllTargets},
    {81, {"buffer_atomic_max_f64", InstructionClass::vectorMemory, 32, bufferAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::floatMax, kAllTargets},
    {82, {"buffer_atomic_pk_add_bf16", InstructionClass::vectorMemory, 32, bufferAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::packedAddBf16, kGfx950},
    {96, {"buffer_atomic_swap_x2", InstructionClass::vectorMemory, 32, bufferAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::swap, kAllTargets},
    {97, {"buffer_atomic_cmpswap_x2", InstructionClass::vectorMemory, 32, bufferAtomic<uint64_t>}, 8, 2, 4, 0, 0, false, Atomic::compareSwap, kAllTargets},
    {98, {"buffer_atomic_add_x2", InstructionClass::vectorMemory, 32, bufferAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::add, kAllTargets},
    {99, {"buffer_atomic_sub_x2", InstructionClass::vectorMemory, 32, bufferAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::subtract, kAllTargets},
    {100, {"buffer_atomic_smin_x2", InstructionClass::vectorMemory, 32, bufferAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::signedMin, kAllTargets},
    {101, {"buffer_atomic_umin_x2", InstructionClass::vectorMemory, 32, bufferAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::unsignedMin, kAllTargets},
    {102, {"buffer_atomic_smax_x2", InstructionClass::vectorMemory, 32, bufferAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::signedMax, kAllTargets},
    {103, {"buffer_atomic_umax_x2", InstructionClass::vectorMemory, 32, bufferAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::unsignedMax, kAllTargets},
    {104, {"buffer_atomic_and_x2", InstructionClass::vectorMemory, 32, bufferAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::bitAnd, kAllTargets},
    {105, {"buffer_atomic_or_x2", InstructionClass::vectorMemory, 32, bufferAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::bitOr, kAllTargets},
    {106, {"buffer_atomic_xor_x2", InstructionClass::vectorMemory, 32, bufferAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::bitXor, kAllTargets},
    {107, {"buffer_atomic_inc_x2", InstructionClass::vectorMemory, 32, bufferAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::increment, kAllTargets},
    {108, {"buffer_atomic_dec_x2", InstructionClass::vectorMemory, 32, bufferAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::decrement, kAllTargets},
    {40, {"buffer_wbl2", InstructionClass::other, 32, noEffect}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {41, {"buffer_invl2", InstructionClass::other, 32, noEffect}, 0, 0, 0, 0, 0, false, Atomic::swap, kGfx90a},
    {41, {"buffer_inv", InstructionClass::other, 32, noEffect}, 0, 0, 0, 0, 0, false, Atomic::swap, kGfx94x},
    {62, {"buffer_wbinvl1", InstructionClass::other, 32, noEffect}, 0, 0, 0, 0, 0, false, Atomic::swap, kGfx90a},
    {63, {"buffer_wbinvl1_vol", InstructionClass::other, 32, noEffect}, 0, 0, 0, 0, 0, false, Atomic::swap, kGfx90a},
};
// clang-format on

/// The handler of a load with the LDS bit; null where the target has none.
Execute loadLdsHandler(Target target, uint32_t code) {
  switch (code) {
    case 16:
    case 17:
      return bufferLoadLds<1>;
    case 18:
    case 19:
      return bufferLoadLds<2>;
    case 20:
      return bufferLoadLds<4>;
    case 22:
      return target == Target::gfx950 ? bufferLoadLds<12> : nullptr;
    case 23:
      return target == Target::gfx950 ? bufferLoadLds<16> : nullptr;
    default:
      return nullptr;
  }
}

}  // namespace

bool decodeMubuf(Target target, const uint32_t* words, uint64_t available, Instruction* out) {
  if (available < 2) return false;
  const uint32_t first = words[0], second = words[1], code = field(first, 18, 24);
  const MemoryOpcode* row = findOpcode(kMubuf, target, code);
  if (!row) return false;
  apply(*row, out);
  out->format = Format::mubuf;
  if (row->opcode.execute == noEffect || row->opcode.execute == notModelled) return true;
  const uint32_t address = field(second, 0, 7), data = field(second, 8, 15),
                 descriptor = field(second, 16, 20) * 4, offset = field(second, 24, 31);
  const bool accumulation = field(second, 23, 23);
  out->offset = static_cast<int32_t>(field(first, 0, 11));
  out->offsetEnable = field(first, 12, 12);
  out->indexEnable = field(first, 13, 13);
  out->toLds = field(first, 16, 16);
  if (out->toLds) {
    out->execute = loadLdsHandler(target, code);
    if (!out->execute) return false;
    out->results = 0;
  }
  if (row->results && row->operands) {  // atomic
    out->returns = field(first, 14, 14);
    if (!out->returns) out->results = 0;
  }
  if (descriptor > 124 || offset >= 251) return false;
  if (!fits(address, out->offsetEnable + out->indexEnable)) return false;
  if (!fits(data, out->results > out->operands ? out->results : out->operands)) return false;
  out->source[0].code = vectorCode(address, false);
  out->source[1].code = out->destination = vectorCode(data, accumulation);
  out->source[2].code = static_cast<uint16_t>(offset);
  out->extra[1] = descriptor;
  return true;
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
