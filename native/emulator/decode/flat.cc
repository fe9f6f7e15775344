#include "decode/memory_opcodes.h"

#include "execute/memory.h"

// FLAT, GLOBAL and SCRATCH: one encoding (31:26 = 110111), told apart by SEG in bits 15:14.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

// clang-format off
//   opcode, {mnemonic, class, bits, handler}, bytes, results, operands, operands1, half, signed, atomic, targets
const MemoryOpcode kFlat[] = {
    {16, {"flat_load_ubyte", InstructionClass::vectorMemory, 32, flatLoad<1>}, 1, 1, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {17, {"flat_load_sbyte", InstructionClass::vectorMemory, 32, flatLoad<1>}, 1, 1, 0, 0, 0, true, Atomic::swap, kAllTargets},
    {18, {"flat_load_ushort", InstructionClass::vectorMemory, 32, flatLoad<2>}, 2, 1, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {19, {"flat_load_sshort", InstructionClass::vectorMemory, 32, flatLoad<2>}, 2, 1, 0, 0, 0, true, Atomic::swap, kAllTargets},
    {20, {"flat_load_dword", InstructionClass::vectorMemory, 32, flatLoad<4>}, 4, 1, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {21, {"flat_load_dwordx2", InstructionClass::vectorMemory, 32, flatLoad<8>}, 8, 2, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {22, {"flat_load_dwordx3", InstructionClass::vectorMemory, 32, flatLoad<12>}, 12, 3, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {23, {"flat_load_dwordx4", InstructionClass::vectorMemory, 32, flatLoad<16>}, 16, 4, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {32, {"flat_load_ubyte_d16", InstructionClass::vectorMemory, 32, flatLoad<1>}, 1, 1, 0, 0, 1, false, Atomic::swap, kAllTargets},
    {33, {"flat_load_ubyte_d16_hi", InstructionClass::vectorMemory, 32, flatLoad<1>}, 1, 1, 0, 0, 2, false, Atomic::swap, kAllTargets},
    {34, {"flat_load_sbyte_d16", InstructionClass::vectorMemory, 32, flatLoad<1>}, 1, 1, 0, 0, 1, true, Atomic::swap, kAllTargets},
    {35, {"flat_load_sbyte_d16_hi", InstructionClass::vectorMemory, 32, flatLoad<1>}, 1, 1, 0, 0, 2, true, Atomic::swap, kAllTargets},
    {36, {"flat_load_short_d16", InstructionClass::vectorMemory, 32, flatLoad<2>}, 2, 1, 0, 0, 1, false, Atomic::swap, kAllTargets},
    {37, {"flat_load_short_d16_hi", InstructionClass::vectorMemory, 32, flatLoad<2>}, 2, 1, 0, 0, 2, false, Atomic::swap, kAllTargets},
    {24, {"flat_store_byte", InstructionClass::vectorMemory, 32, flatStore<1>}, 1, 0, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {25, {"flat_store_byte_d16_hi", InstructionClass::vectorMemory, 32, flatStore<1>}, 1, 0, 1, 0, 2, false, Atomic::swap, kAllTargets},
    {26, {"flat_store_short", InstructionClass::vectorMemory, 32, flatStore<2>}, 2, 0, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {27, {"flat_store_short_d16_hi", InstructionClass::vectorMemory, 32, flatStore<2>}, 2, 0, 1, 0, 2, false, Atomic::swap, kAllTargets},
    {28, {"flat_store_dword", InstructionClass::vectorMemory, 32, flatStore<4>}, 4, 0, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {29, {"flat_store_dwordx2", InstructionClass::vectorMemory, 32, flatStore<8>}, 8, 0, 2, 0, 0, false, Atomic::swap, kAllTargets},
    {30, {"flat_store_dwordx3", InstructionClass::vectorMemory, 32, flatStore<12>}, 12, 0, 3, 0, 0, false, Atomic::swap, kAllTargets},
    {31, {"flat_store_dwordx4", InstructionClass::vectorMemory, 32, flatStore<16>}, 16, 0, 4, 0, 0, false, Atomic::swap, kAllTargets},
    {64, {"flat_atomic_swap", InstructionClass::vectorMemory, 32, flatAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {65, {"flat_atomic_cmpswap", InstructionClass::vectorMemory, 32, flatAtomic<uint32_t>}, 4, 1, 2, 0, 0, false, Atomic::compareSwap, kAllTargets},
    {66, {"flat_atomic_add", InstructionClass::vectorMemory, 32, flatAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::add, kAllTargets},
    {67, {"flat_atomic_sub", InstructionClass::vectorMemory, 32, flatAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::subtract, kAllTargets},
    {68, {"flat_atomic_smin", InstructionClass::vectorMemory, 32, flatAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::signedMin, kAllTargets},
    {69, {"flat_atomic_umin", InstructionClass::vectorMemory, 32, flatAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::unsignedMin, kAllTargets},
    {70, {"flat_atomic_smax", InstructionClass::vectorMemory, 32, flatAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::signedMax, kAllTargets},
    {71, {"flat_atomic_umax", InstructionClass::vectorMemory, 32, flatAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::unsignedMax, kAllTargets},
    {72, {"flat_atomic_and", InstructionClass::vectorMemory, 32, flatAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::bitAnd, kAllTargets},
    {73, {"flat_atomic_or", InstructionClass::vectorMemory, 32, flatAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::bitOr, kAllTargets},
    {74, {"flat_atomic_xor", InstructionClass::vectorMemory, 32, flatAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::bitXor, kAllTargets},
    {75, {"flat_atomic_inc", InstructionClass::vectorMemory, 32, flatAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::increment, kAllTargets},
    {76, {"flat_atomic_dec", InstructionClass::vectorMemory, 32, flatAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::decrement, kAllTargets},
    {77, {"flat_atomic_add_f32", InstructionClass::vectorMemory, 32, flatAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::floatAdd, kGfx94x},
    {78, {"flat_atomic_pk_add_f16", InstructionClass::vectorMemory, 32, flatAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::packedAddF16, kGfx94x},
    {79, {"flat_atomic_add_f64", InstructionClass::vectorMemory, 32, flatAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::floatAdd, kAllTargets},
    {80, {"flat_atomic_min_f64", InstructionClass::vectorMemory, 32, flatAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::floatMin, kAllTargets},
    {81, {"flat_atomic_max_f64", InstructionClass::vectorMemory, 32, flatAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::floatMax, kAllTargets},
    {82, {"flat_atomic_pk_add_bf16", InstructionClass::vectorMemory, 32, flatAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::packedAddBf16, kGfx94x},
    {96, {"flat_atomic_swap_x2", InstructionClass::vectorMemory, 32, flatAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::swap, kAllTargets},
    {97, {"flat_atomic_cmpswap_x2", InstructionClass::vectorMemory, 32, flatAtomic<uint64_t>}, 8, 2, 4, 0, 0, false, Atomic::compareSwap, kAllTargets},
    {98, {"flat_atomic_add_x2", InstructionClass::vectorMemory, 32, flatAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::add, kAllTargets},
    {99, {"flat_atomic_sub_x2", InstructionClass::vectorMemory, 32, flatAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::subtract, kAllTargets},
    {100, {"flat_atomic_smin_x2", InstructionClass::vectorMemory, 32, flatAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::signedMin, kAllTargets},
    {101, {"flat_atomic_umin_x2", InstructionClass::vectorMemory, 32, flatAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::unsignedMin, kAllTargets},
    {102, {"flat_atomic_smax_x2", InstructionClass::vectorMemory, 32, flatAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::signedMax, kAllTargets},
    {103, {"flat_atomic_umax_x2", InstructionClass::vectorMemory, 32, flatAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::unsignedMax, kAllTargets},
    {104, {"flat_atomic_and_x2", InstructionClass::vectorMemory, 32, flatAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::bitAnd, kAllTargets},
    {105, {"flat_atomic_or_x2", InstructionClass::vectorMemory, 32, flatAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::bitOr, kAllTargets},
    {106, {"flat_atomic_xor_x2", InstructionClass::vectorMemory, 32, flatAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::bitXor, kAllTargets},
    {107, {"flat_atomic_inc_x2", InstructionClass::vectorMemory, 32, flatAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::increment, kAllTargets},
    {108, {"flat_atomic_dec_x2", InstructionClass::vectorMemory, 32, flatAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::decrement, kAllTargets},
};

const MemoryOpcode kGlobal[] = {
    {16, {"global_load_ubyte", InstructionClass::vectorMemory, 32, globalLoad<1>}, 1, 1, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {17, {"global_load_sbyte", InstructionClass::vectorMemory, 32, globalLoad<1>}, 1, 1, 0, 0, 0, true, Atomic::swap, kAllTargets},
    {18, {"global_load_ushort", InstructionClass::vectorMemory, 32, globalLoad<2>}, 2, 1, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {19, {"global_load_sshort", InstructionClass::vectorMemory, 32, globalLoad<2>}, 2, 1, 0, 0, 0, true, Atomic::swap, kAllTargets},
    {20, {"global_load_dword", InstructionClass::vectorMemory, 32, globalLoad<4>}, 4, 1, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {21, {"global_load_dwordx2", InstructionClass::vectorMemory, 32, globalLoad<8>}, 8, 2, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {22, {"global_load_dwordx3", InstructionClass::vectorMemory, 32, globalLoad<12>}, 12, 3, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {23, {"global_load_dwordx4", InstructionClass::vectorMemory, 32, globalLoad<16>}, 16, 4, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {32, {"global_load_ubyte_d16", InstructionClass::vectorMemory, 32, globalLoad<1>}, 1, 1, 0, 0, 1, false, Atomic::swap, kAllTargets},
    {33, {"global_load_ubyte_d16_hi", InstructionClass::vectorMemory, 32, globalLoad<1>}, 1, 1, 0, 0, 2, false, Atomic::swap, kAllTargets},
    {34, {"global_load_sbyte_d16", InstructionClass::vectorMemory, 32, globalLoad<1>}, 1, 1, 0, 0, 1, true, Atomic::swap, kAllTargets},
    {35, {"global_load_sbyte_d16_hi", InstructionClass::vectorMemory, 32, globalLoad<1>}, 1, 1, 0, 0, 2, true, Atomic::swap, kAllTargets},
    {36, {"global_load_short_d16", InstructionClass::vectorMemory, 32, globalLoad<2>}, 2, 1, 0, 0, 1, false, Atomic::swap, kAllTargets},
    {37, {"global_load_short_d16_hi", InstructionClass::vectorMemory, 32, globalLoad<2>}, 2, 1, 0, 0, 2, false, Atomic::swap, kAllTargets},
    {24, {"global_store_byte", InstructionClass::vectorMemory, 32, globalStore<1>}, 1, 0, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {25, {"global_store_byte_d16_hi", InstructionClass::vectorMemory, 32, globalStore<1>}, 1, 0, 1, 0, 2, false, Atomic::swap, kAllTargets},
    {26, {"global_store_short", InstructionClass::vectorMemory, 32, globalStore<2>}, 2, 0, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {27, {"global_store_short_d16_hi", InstructionClass::vectorMemory, 32, globalStore<2>}, 2, 0, 1, 0, 2, false, Atomic::swap, kAllTargets},
    {28, {"global_store_dword", InstructionClass::vectorMemory, 32, globalStore<4>}, 4, 0, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {29, {"global_store_dwordx2", InstructionClass::vectorMemory, 32, globalStore<8>}, 8, 0, 2, 0, 0, false, Atomic::swap, kAllTargets},
    {30, {"global_store_dwordx3", InstructionClass::vectorMemory, 32, globalStore<12>}, 12, 0, 3, 0, 0, false, Atomic::swap, kAllTargets},
    {31, {"global_store_dwordx4", InstructionClass::vectorMemory, 32, globalStore<16>}, 16, 0, 4, 0, 0, false, Atomic::swap, kAllTargets},
    {38, {"global_load_lds_ubyte", InstructionClass::vectorMemory, 32, globalLoadLds<1>}, 1, 0, 0, 0, 0, false, Atomic::swap, kGfx94x},
    {39, {"global_load_lds_sbyte", InstructionClass::vectorMemory, 32, globalLoadLds<1>}, 1, 0, 0, 0, 0, true, Atomic::swap, kGfx94x},
    {40, {"global_load_lds_ushort", InstructionClass::vectorMemory, 32, globalLoadLds<2>}, 2, 0, 0, 0, 0, false, Atomic::swap, kGfx94x},
    {41, {"global_load_lds_sshort", InstructionClass::vectorMemory, 32, globalLoadLds<2>}, 2, 0, 0, 0, 0, true, Atomic::swap, kGfx94x},
    {42, {"global_load_lds_dword", InstructionClass::vectorMemory, 32, globalLoadLds<4>}, 4, 0, 0, 0, 0, false, Atomic::swap, kGfx94x},
    {125, {"global_load_lds_dwordx4", InstructionClass::vectorMemory, 32, globalLoadLds<16>}, 16, 0, 0, 0, 0, false, Atomic::swap, kGfx950},
    {126, {"global_load_lds_dwordx3", InstructionClass::vectorMemory, 32, globalLoadLds<12>}, 12, 0, 0, 0, 0, false, Atomic::swap, kGfx950},
    {64, {"global_atomic_swap", InstructionClass::vectorMemory, 32, globalAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {65, {"global_atomic_cmpswap", InstructionClass::vectorMemory, 32, globalAtomic<uint32_t>}, 4, 1, 2, 0, 0, false, Atomic::compareSwap, kAllTargets},
    {66, {"global_atomic_add", InstructionClass::vectorMemory, 32, globalAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::add, kAllTargets},
    {67, {"global_atomic_sub", InstructionClass::vectorMemory, 32, globalAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::subtract, kAllTargets},
    {68, {"global_atomic_smin", InstructionClass::vectorMemory, 32, globalAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::signedMin, kAllTargets},
    {69, {"global_atomic_umin", InstructionClass::vectorMemory, 32, globalAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::unsignedMin, kAllTargets},
    {70, {"global_atomic_smax", InstructionClass::vectorMemory, 32, globalAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::signedMax, kAllTargets},
    {71, {"global_atomic_umax", InstructionClass::vectorMemory, 32, globalAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::unsignedMax, kAllTargets},
    {72, {"global_atomic_and", InstructionClass::vectorMemory, 32, globalAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::bitAnd, kAllTargets},
    {73, {"global_atomic_or", InstructionClass::vectorMemory, 32, globalAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::bitOr, kAllTargets},
    {74, {"global_atomic_xor", InstructionClass::vectorMemory, 32, globalAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::bitXor, kAllTargets},
    {75, {"global_atomic_inc", InstructionClass::vectorMemory, 32, globalAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::increment, kAllTargets},
    {76, {"global_atomic_dec", InstructionClass::vectorMemory, 32, globalAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::decrement, kAllTargets},
    {77, {"global_atomic_add_f32", InstructionClass::vectorMemory, 32, globalAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::floatAdd, kAllTargets},
    {78, {"global_atomic_pk_add_f16", InstructionClass::vectorMemory, 32, globalAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::packedAddF16, kAllTargets},
    {79, {"global_atomic_add_f64", InstructionClass::vectorMemory, 32, globalAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::floatAdd, kAllTargets},
    {80, {"global_atomic_min_f64", InstructionClass::vectorMemory, 32, globalAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::floatMin, kAllTargets},
    {81, {"global_atomic_max_f64", InstructionClass::vectorMemory, 32, globalAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::floatMax, kAllTargets},
    {82, {"global_atomic_pk_add_bf16", InstructionClass::vectorMemory, 32, globalAtomic<uint32_t>}, 4, 1, 1, 0, 0, false, Atomic::packedAddBf16, kGfx94x},
    {96, {"global_atomic_swap_x2", InstructionClass::vectorMemory, 32, globalAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::swap, kAllTargets},
    {97, {"global_atomic_cmpswap_x2", InstructionClass::vectorMemory, 32, globalAtomic<uint64_t>}, 8, 2, 4, 0, 0, false, Atomic::compareSwap, kAllTargets},
    {98, {"global_atomic_add_x2", InstructionClass::vectorMemory, 32, globalAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::add, kAllTargets},
    {99, {"global_atomic_sub_x2", InstructionClass::vectorMemory, 32, globalAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::subtract, kAllTargets},
    {100, {"global_atomic_smin_x2", InstructionClass::vectorMemory, 32, globalAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::signedMin, kAllTargets},
    {101, {"global_atomic_umin_x2", InstructionClass::vectorMemory, 32, globalAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::unsignedMin, kAllTargets},
    {102, {"global_atomic_smax_x2", InstructionClass::vectorMemory, 32, globalAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::signedMax, kAllTargets},
    {103, {"global_atomic_umax_x2", InstructionClass::vectorMemory, 32, globalAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::unsignedMax, kAllTargets},
    {104, {"global_atomic_and_x2", InstructionClass::vectorMemory, 32, globalAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::bitAnd, kAllTargets},
    {105, {"global_atomic_or_x2", InstructionClass::vectorMemory, 32, globalAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::bitOr, kAllTargets},
    {106, {"global_atomic_xor_x2", InstructionClass::vectorMemory, 32, globalAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::bitXor, kAllTargets},
    {107, {"global_atomic_inc_x2", InstructionClass::vectorMemory, 32, globalAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::increment, kAllTargets},
    {108, {"global_atomic_dec_x2", InstructionClass::vectorMemory, 32, globalAtomic<uint64_t>}, 8, 2, 2, 0, 0, false, Atomic::decrement, kAllTargets},
};

const MemoryOpcode kScratch[] = {
    {16, {"scratch_load_ubyte", InstructionClass::vectorMemory, 32, scratchLoad<1>}, 1, 1, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {17, {"scratch_load_sbyte", InstructionClass::vectorMemory, 32, scratchLoad<1>}, 1, 1, 0, 0, 0, true, Atomic::swap, kAllTargets},
    {18, {"scratch_load_ushort", InstructionClass::vectorMemory, 32, scratchLoad<2>}, 2, 1, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {19, {"scratch_load_sshort", InstructionClass::vectorMemory, 32, scratchLoad<2>}, 2, 1, 0, 0, 0, true, Atomic::swap, kAllTargets},
    {20, {"scratch_load_dword", InstructionClass::vectorMemory, 32, scratchLoad<4>}, 4, 1, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {21, {"scratch_load_dwordx2", InstructionClass::vectorMemory, 32, scratchLoad<8>}, 8, 2, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {22, {"scratch_load_dwordx3", InstructionClass::vectorMemory, 32, scratchLoad<12>}, 12, 3, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {23, {"scratch_load_dwordx4", InstructionClass::vectorMemory, 32, scratchLoad<16>}, 16, 4, 0, 0, 0, false, Atomic::swap, kAllTargets},
    {32, {"scratch_load_ubyte_d16", InstructionClass::vectorMemory, 32, scratchLoad<1>}, 1, 1, 0, 0, 1, false, Atomic::swap, kAllTargets},
    {33, {"scratch_load_ubyte_d16_hi", InstructionClass::vectorMemory, 32, scratchLoad<1>}, 1, 1, 0, 0, 2, false, Atomic::swap, kAllTargets},
    {34, {"scratch_load_sbyte_d16", InstructionClass::vectorMemory, 32, scratchLoad<1>}, 1, 1, 0, 0, 1, true, Atomic::swap, kAllTargets},
    {35, {"scratch_load_sbyte_d16_hi", InstructionClass::vectorMemory, 32, scratchLoad<1>}, 1, 1, 0, 0, 2, true, Atomic::swap, kAllTargets},
    {36, {"scratch_load_short_d16", InstructionClass::vectorMemory, 32, scratchLoad<2>}, 2, 1, 0, 0, 1, false, Atomic::swap, kAllTargets},
    {37, {"scratch_load_short_d16_hi", InstructionClass::vectorMemory, 32, scratchLoad<2>}, 2, 1, 0, 0, 2, false, Atomic::swap, kAllTargets},
    {24, {"scratch_store_byte", InstructionClass::vectorMemory, 32, scratchStore<1>}, 1, 0, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {25, {"scratch_store_byte_d16_hi", InstructionClass::vectorMemory, 32, scratchStore<1>}, 1, 0, 1, 0, 2, false, Atomic::swap, kAllTargets},
    {26, {"scratch_store_short", InstructionClass::vectorMemory, 32, scratchStore<2>}, 2, 0, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {27, {"scratch_store_short_d16_hi", InstructionClass::vectorMemory, 32, scratchStore<2>}, 2, 0, 1, 0, 2, false, Atomic::swap, kAllTargets},
    {28, {"scratch_store_dword", InstructionClass::vectorMemory, 32, scratchStore<4>}, 4, 0, 1, 0, 0, false, Atomic::swap, kAllTargets},
    {29, {"scratch_store_dwordx2", InstructionClass::vectorMemory, 32, scratchStore<8>}, 8, 0, 2, 0, 0, false, Atomic::swap, kAllTargets},
    {30, {"scratch_store_dwordx3", InstructionClass::vectorMemory, 32, scratchStore<12>}, 12, 0, 3, 0, 0, false, Atomic::swap, kAllTargets},
    {31, {"scratch_store_dwordx4", InstructionClass::vectorMemory, 32, scratchStore<16>}, 16, 0, 4, 0, 0, false, Atomic::swap, kAllTargets},
    {38, {"scratch_load_lds_ubyte", InstructionClass::vectorMemory, 32, notModelled}, 1, 0, 0, 0, 0, false, Atomic::swap, kGfx94x},
    {39, {"scratch_load_lds_sbyte", InstructionClass::vectorMemory, 32, notModelled}, 1, 0, 0, 0, 0, true, Atomic::swap, kGfx94x},
    {40, {"scratch_load_lds_ushort", InstructionClass::vectorMemory, 32, notModelled}, 2, 0, 0, 0, 0, false, Atomic::swap, kGfx94x},
    {41, {"scratch_load_lds_sshort", InstructionClass::vectorMemory, 32, notModelled}, 2, 0, 0, 0, 0, true, Atomic::swap, kGfx94x},
    {42, {"scratch_load_lds_dword", InstructionClass::vectorMemory, 32, notModelled}, 4, 0, 0, 0, 0, false, Atomic::swap, kGfx94x},
};
// clang-format on

enum Segment : uint32_t { kFlatSegment, kScratchSegment, kGlobalSegment };

}  // namespace

bool decodeFlat(Target target, const uint32_t* words, uint64_t available, Instruction* out) {
  if (available < 2) return false;
  const uint32_t first = words[0], second = words[1];
  const uint32_t segment = field(first, 14, 15), code = field(first, 18, 24);
  const MemoryOpcode* row = segment == kFlatSegment      ? findOpcode(kFlat, target, code)
                            : segment == kGlobalSegment  ? findOpcode(kGlobal, target, code)
                            : segment == kScratchSegment ? findOpcode(kScratch, target, code)
                                                         : nullptr;
  if (!row) return false;
  apply(*row, out);
  out->format = Format::flat;
  const uint32_t address = field(second, 0, 7), data = field(second, 8, 15), base = field(second, 16, 22),
                 destination = field(second, 24, 31);
  const bool accumulation = field(second, 23, 23), bit13 = field(first, 13, 13);
  const bool loadsLds = !row->results && !row->operands;
  const bool atomic = row->results && row->operands;

  out->offset = segment == kFlatSegment ? static_cast<int32_t>(field(first, 0, 11)) : signExtend(first, 13);
  if (segment == kFlatSegment && field(first, 12, 12)) return false;
  out->toLds = loadsLds;
  out->returns = atomic && field(first, 16, 16);
  if (atomic && !out->returns) out->results = 0;

  // Bit 13 says on gfx94x that scratch has a vector offset; on gfx90a (LDS) it is not used, and scratch has a
  // vector offset where it has no scalar one.
  out->source[2].code = segment == kFlatSegment ? kNoScalar : static_cast<uint16_t>(base);
  uint32_t addressRegisters = 1;
  if (segment == kScratchSegment) {
    if (target == Target::gfx90a && bit13) return false;
    out->indexEnable = target == Target::gfx90a ? base == kNoScalar : bit13;
    addressRegisters = out->indexEnable;
  } else {
    if (bit13) return false;
    if (out->source[2].code == kNoScalar) addressRegisters = 2;
  }
  if (base != kNoScalar && segment == kGlobalSegment && (base > 126 || base % 2)) return false;

  if (!fits(address, addressRegisters) || !fits(data, out->operands) || !fits(destination, out->results)) {
    return false;
  }
  out->source[0].code = vectorCode(address, false);
  out->source[1].code = vectorCode(data, accumulation);
  out->destination = vectorCode(destination, accumulation);
  return true;
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
