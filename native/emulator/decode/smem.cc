#include "decode/memory_opcodes.h"

#include "execute/memory.h"

// SMEM (31:26 = 110000): scalar loads. The offset is a signed 21-bit immediate, a scalar register, or
// (SOFFSET_EN) both; assemblers also emit the older form, in which the low bits of the offset field name the
// register.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

// clang-format off
//   opcode, {mnemonic, class, bits, handler}, bytes, results, operands, operands1, half, signed, atomic, targets
const MemoryOpcode kSmem[] = {
    {0, {"s_load_dword", InstructionClass::scalarMemory, 32, scalarLoad}, 4, 1, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {1, {"s_load_dwordx2", InstructionClass::scalarMemory, 32, scalarLoad}, 8, 2, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {2, {"s_load_dwordx4", InstructionClass::scalarMemory, 32, scalarLoad}, 16, 4, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {3, {"s_load_dwordx8", InstructionClass::scalarMemory, 32, scalarLoad}, 32, 8, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {4, {"s_load_dwordx16", InstructionClass::scalarMemory, 32, scalarLoad}, 64, 16, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {5, {"s_scratch_load_dword", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {6, {"s_scratch_load_dwordx2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {7, {"s_scratch_load_dwordx4", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {8, {"s_buffer_load_dword", InstructionClass::scalarMemory, 32, scalarBufferLoad}, 4, 1, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {9, {"s_buffer_load_dwordx2", InstructionClass::scalarMemory, 32, scalarBufferLoad}, 8, 2, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {10, {"s_buffer_load_dwordx4", InstructionClass::scalarMemory, 32, scalarBufferLoad}, 16, 4, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {11, {"s_buffer_load_dwordx8", InstructionClass::scalarMemory, 32, scalarBufferLoad}, 32, 8, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {12, {"s_buffer_load_dwordx16", InstructionClass::scalarMemory, 32, scalarBufferLoad}, 64, 16, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {16, {"s_store_dword", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {17, {"s_store_dwordx2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {18, {"s_store_dwordx4", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {21, {"s_scratch_store_dword", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {22, {"s_scratch_store_dwordx2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {23, {"s_scratch_store_dwordx4", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {24, {"s_buffer_store_dword", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {25, {"s_buffer_store_dwordx2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {26, {"s_buffer_store_dwordx4", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {32, {"s_dcache_inv", InstructionClass::scalarMemory, 32, noEffect}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {33, {"s_dcache_wb", InstructionClass::scalarMemory, 32, noEffect}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {34, {"s_dcache_inv_vol", InstructionClass::scalarMemory, 32, noEffect}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {35, {"s_dcache_wb_vol", InstructionClass::scalarMemory, 32, noEffect}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {36, {"s_memtime", InstructionClass::scalarMemory, 32, scalarTime}, 8, 2, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {37, {"s_memrealtime", InstructionClass::scalarMemory, 32, scalarTime}, 8, 2, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {38, {"s_atc_probe", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {39, {"s_atc_probe_buffer", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {40, {"s_dcache_discard", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {41, {"s_dcache_discard_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {64, {"s_buffer_atomic_swap", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {65, {"s_buffer_atomic_cmpswap", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {66, {"s_buffer_atomic_add", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {67, {"s_buffer_atomic_sub", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {68, {"s_buffer_atomic_smin", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {69, {"s_buffer_atomic_umin", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {70, {"s_buffer_atomic_smax", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {71, {"s_buffer_atomic_umax", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {72, {"s_buffer_atomic_and", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {73, {"s_buffer_atomic_or", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {74, {"s_buffer_atomic_xor", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {75, {"s_buffer_atomic_inc", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {76, {"s_buffer_atomic_dec", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {96, {"s_buffer_atomic_swap_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {97, {"s_buffer_atomic_cmpswap_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {98, {"s_buffer_atomic_add_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {99, {"s_buffer_atomic_sub_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {100, {"s_buffer_atomic_smin_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {101, {"s_buffer_atomic_umin_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {102, {"s_buffer_atomic_smax_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {103, {"s_buffer_atomic_umax_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {104, {"s_buffer_atomic_and_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {105, {"s_buffer_atomic_or_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {106, {"s_buffer_atomic_xor_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {107, {"s_buffer_atomic_inc_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {108, {"s_buffer_atomic_dec_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {128, {"s_atomic_swap", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {129, {"s_atomic_cmpswap", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {130, {"s_atomic_add", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {131, {"s_atomic_sub", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {132, {"s_atomic_smin", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {133, {"s_atomic_umin", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {134, {"s_atomic_smax", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {135, {"s_atomic_umax", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {136, {"s_atomic_and", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {137, {"s_atomic_or", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {138, {"s_atomic_xor", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {139, {"s_atomic_inc", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {140, {"s_atomic_dec", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {160, {"s_atomic_swap_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {161, {"s_atomic_cmpswap_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {162, {"s_atomic_add_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {163, {"s_atomic_sub_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {164, {"s_atomic_smin_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {165, {"s_atomic_umin_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {166, {"s_atomic_smax_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {167, {"s_atomic_umax_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {168, {"s_atomic_and_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {169, {"s_atomic_or_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {170, {"s_atomic_xor_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {171, {"s_atomic_inc_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {172, {"s_atomic_dec_x2", InstructionClass::scalarMemory, 32, notModelled}, 0, 0, 0, 0, 0, false, Atomic::swap, kAllTargets},
};
// clang-format on

}  // namespace

bool decodeSmem(Target target, const uint32_t* words, uint64_t available, Instruction* out) {
  if (available < 2) return false;
  const uint32_t first = words[0], second = words[1];
  const MemoryOpcode* row = findOpcode(kSmem, target, field(first, 18, 25));
  if (!row) return false;
  apply(*row, out);
  out->format = Format::smem;
  if (out->execute == notModelled || out->execute == noEffect) return true;
  const bool immediate = field(first, 17, 17), registerToo = field(first, 14, 14);
  out->source[0].code = static_cast<uint16_t>(field(first, 0, 5) * 2);
  out->destination = static_cast<uint16_t>(field(first, 6, 12));
  out->offset = immediate ? signExtend(second, 21) : 0;
  const uint32_t offsetRegister = registerToo ? field(second, 25, 31) : field(second, 0, 6);
  out->source[2].code = registerToo || !immediate ? static_cast<uint16_t>(offsetRegister) : kNoScalar;
  if (out->source[2].code == kNoScalar && !immediate) return false;
  return out->destination + out->results <= 128u &&
         out->source[0].code <= (out->execute == scalarBufferLoad ? 124 : 126);
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
