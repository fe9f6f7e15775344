#include <initializer_list>

#include "decode/memory_opcodes.h"
#include "execute/matrix_operands.h"
#include "execute/not_modelled.h"
#include "isa/fields.h"

// VOP3P-MAI: the matrix instructions, in the VOP3P encoding (31:23 = 110100111) with fields of their own, and
// gfx950's scaled ones, which a 64-bit prefix with the scales precedes.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

struct MatrixOpcode {
  uint8_t code;
  Opcode opcode;
  MatrixShape shape;
  uint8_t results;  ///< registers of C and D
  Targets targets;
};

// clang-format off
//   opcode, {mnemonic, class, bits, handler}, {rows, depth, blocks, type of A, of B}, results, targets
const MatrixOpcode kMatrix[] = {
    {45, {"v_mfma_f32_16x16x128_f8f6f4", InstructionClass::matrix, 32, matrixFloat<16>}, {16, 128, 1, MatrixType::fp8, MatrixType::fp8}, 4, kGfx950},
    {46, {"v_mfma_f32_32x32x64_f8f6f4", InstructionClass::matrix, 32, matrixFloat<32>}, {32, 64, 1, MatrixType::fp8, MatrixType::fp8}, 16, kGfx950},
    {53, {"v_mfma_f32_16x16x32_bf16", InstructionClass::matrix, 32, matrixFloat<16>}, {16, 32, 1, MatrixType::bf16, MatrixType::bf16}, 4, kGfx950},
    {54, {"v_mfma_i32_16x16x64_i8", InstructionClass::matrix, 32, matrixInteger}, {16, 64, 1, MatrixType::i8, MatrixType::i8}, 4, kGfx950},
    {55, {"v_mfma_f32_32x32x16_bf16", InstructionClass::matrix, 32, matrixFloat<32>}, {32, 16, 1, MatrixType::bf16, MatrixType::bf16}, 16, kGfx950},
    {56, {"v_mfma_i32_32x32x32_i8", InstructionClass::matrix, 32, matrixInteger}, {32, 32, 1, MatrixType::i8, MatrixType::i8}, 16, kGfx950},
    {57, {"v_smfmac_f32_16x16x64_bf16", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx950},
    {58, {"v_smfmac_i32_16x16x128_i8", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx950},
    {59, {"v_smfmac_f32_16x16x128_bf8_bf8", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx950},
    {60, {"v_smfmac_f32_16x16x128_bf8_fp8", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx950},
    {61, {"v_smfmac_f32_16x16x128_fp8_bf8", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx950},
    {62, {"v_mfma_f32_16x16x8_xf32", InstructionClass::matrix, 32, matrixFloat<16>}, {16, 8, 1, MatrixType::xf32, MatrixType::xf32}, 4, kGfx942},
    {63, {"v_mfma_f32_32x32x4_xf32", InstructionClass::matrix, 32, matrixFloat<32>}, {32, 4, 1, MatrixType::xf32, MatrixType::xf32}, 16, kGfx942},
    {64, {"v_mfma_f32_32x32x1_2b_f32", InstructionClass::matrix, 32, matrixFloat<32>}, {32, 1, 2, MatrixType::f32, MatrixType::f32}, 32, kGfx94x},
    {64, {"v_mfma_f32_32x32x1f32", InstructionClass::matrix, 32, matrixFloat<32>}, {32, 1, 2, MatrixType::f32, MatrixType::f32}, 32, kGfx90a},
    {65, {"v_mfma_f32_16x16x1_4b_f32", InstructionClass::matrix, 32, matrixFloat<16>}, {16, 1, 4, MatrixType::f32, MatrixType::f32}, 16, kGfx94x},
    {65, {"v_mfma_f32_16x16x1f32", InstructionClass::matrix, 32, matrixFloat<16>}, {16, 1, 4, MatrixType::f32, MatrixType::f32}, 16, kGfx90a},
    {66, {"v_mfma_f32_4x4x1_16b_f32", InstructionClass::matrix, 32, matrixFloat<4>}, {4, 1, 16, MatrixType::f32, MatrixType::f32}, 4, kGfx94x},
    {66, {"v_mfma_f32_4x4x1f32", InstructionClass::matrix, 32, matrixFloat<4>}, {4, 1, 16, MatrixType::f32, MatrixType::f32}, 4, kGfx90a},
    {67, {"v_smfmac_f32_16x16x128_fp8_fp8", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx950},
    {68, {"v_mfma_f32_32x32x2_f32", InstructionClass::matrix, 32, matrixFloat<32>}, {32, 2, 1, MatrixType::f32, MatrixType::f32}, 16, kGfx94x},
    {68, {"v_mfma_f32_32x32x2f32", InstructionClass::matrix, 32, matrixFloat<32>}, {32, 2, 1, MatrixType::f32, MatrixType::f32}, 16, kGfx90a},
    {69, {"v_mfma_f32_16x16x4_f32", InstructionClass::matrix, 32, matrixFloat<16>}, {16, 4, 1, MatrixType::f32, MatrixType::f32}, 4, kGfx94x},
    {69, {"v_mfma_f32_16x16x4f32", InstructionClass::matrix, 32, matrixFloat<16>}, {16, 4, 1, MatrixType::f32, MatrixType::f32}, 4, kGfx90a},
    {70, {"v_smfmac_f32_32x32x32_bf16", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx950},
    {71, {"v_smfmac_i32_32x32x64_i8", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx950},
    {72, {"v_mfma_f32_32x32x4_2b_f16", InstructionClass::matrix, 32, matrixFloat<32>}, {32, 4, 2, MatrixType::f16, MatrixType::f16}, 32, kGfx94x},
    {72, {"v_mfma_f32_32x32x4f16", InstructionClass::matrix, 32, matrixFloat<32>}, {32, 4, 2, MatrixType::f16, MatrixType::f16}, 32, kGfx90a},
    {73, {"v_mfma_f32_16x16x4_4b_f16", InstructionClass::matrix, 32, matrixFloat<16>}, {16, 4, 4, MatrixType::f16, MatrixType::f16}, 16, kGfx94x},
    {73, {"v_mfma_f32_16x16x4f16", InstructionClass::matrix, 32, matrixFloat<16>}, {16, 4, 4, MatrixType::f16, MatrixType::f16}, 16, kGfx90a},
    {74, {"v_mfma_f32_4x4x4_16b_f16", InstructionClass::matrix, 32, matrixFloat<4>}, {4, 4, 16, MatrixType::f16, MatrixType::f16}, 4, kGfx94x},
    {74, {"v_mfma_f32_4x4x4f16", InstructionClass::matrix, 32, matrixFloat<4>}, {4, 4, 16, MatrixType::f16, MatrixType::f16}, 4, kGfx90a},
    {75, {"v_smfmac_f32_32x32x64_bf8_bf8", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx950},
    {76, {"v_mfma_f32_32x32x8_f16", InstructionClass::matrix, 32, matrixFloat<32>}, {32, 8, 1, MatrixType::f16, MatrixType::f16}, 16, kGfx94x},
    {76, {"v_mfma_f32_32x32x8f16", InstructionClass::matrix, 32, matrixFloat<32>}, {32, 8, 1, MatrixType::f16, MatrixType::f16}, 16, kGfx90a},
    {77, {"v_mfma_f32_16x16x16_f16", InstructionClass::matrix, 32, matrixFloat<16>}, {16, 16, 1, MatrixType::f16, MatrixType::f16}, 4, kGfx94x},
    {77, {"v_mfma_f32_16x16x16f16", InstructionClass::matrix, 32, matrixFloat<16>}, {16, 16, 1, MatrixType::f16, MatrixType::f16}, 4, kGfx90a},
    {78, {"v_smfmac_f32_32x32x64_bf8_fp8", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx950},
    {79, {"v_smfmac_f32_32x32x64_fp8_bf8", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx950},
    {80, {"v_mfma_i32_32x32x4_2b_i8", InstructionClass::matrix, 32, matrixInteger}, {32, 4, 2, MatrixType::i8, MatrixType::i8}, 32, kGfx94x},
    {80, {"v_mfma_i32_32x32x4i8", InstructionClass::matrix, 32, matrixInteger}, {32, 4, 2, MatrixType::i8, MatrixType::i8}, 32, kGfx90a},
    {81, {"v_mfma_i32_16x16x4_4b_i8", InstructionClass::matrix, 32, matrixInteger}, {16, 4, 4, MatrixType::i8, MatrixType::i8}, 16, kGfx94x},
    {81, {"v_mfma_i32_16x16x4i8", InstructionClass::matrix, 32, matrixInteger}, {16, 4, 4, MatrixType::i8, MatrixType::i8}, 16, kGfx90a},
    {82, {"v_mfma_i32_4x4x4_16b_i8", InstructionClass::matrix, 32, matrixInteger}, {4, 4, 16, MatrixType::i8, MatrixType::i8}, 4, kGfx94x},
    {82, {"v_mfma_i32_4x4x4i8", InstructionClass::matrix, 32, matrixInteger}, {4, 4, 16, MatrixType::i8, MatrixType::i8}, 4, kGfx90a},
    {83, {"v_smfmac_f32_32x32x64_fp8_fp8", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx950},
    {84, {"v_mfma_i32_32x32x8i8", InstructionClass::matrix, 32, matrixInteger}, {32, 8, 1, MatrixType::i8, MatrixType::i8}, 16, kGfx90a},
    {84, {"v_mfma_f32_16x16x32_f16", InstructionClass::matrix, 32, matrixFloat<16>}, {16, 32, 1, MatrixType::f16, MatrixType::f16}, 4, kGfx950},
    {85, {"v_mfma_i32_16x16x16i8", InstructionClass::matrix, 32, matrixInteger}, {16, 16, 1, MatrixType::i8, MatrixType::i8}, 4, kGfx90a},
    {85, {"v_mfma_f32_32x32x16_f16", InstructionClass::matrix, 32, matrixFloat<32>}, {32, 16, 1, MatrixType::f16, MatrixType::f16}, 16, kGfx950},
    {86, {"v_mfma_i32_32x32x16_i8", InstructionClass::matrix, 32, matrixInteger}, {32, 16, 1, MatrixType::i8, MatrixType::i8}, 16, kGfx94x},
    {87, {"v_mfma_i32_16x16x32_i8", InstructionClass::matrix, 32, matrixInteger}, {16, 32, 1, MatrixType::i8, MatrixType::i8}, 4, kGfx94x},
    {90, {"v_smfmac_f32_16x16x64_f16", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx950},
    {91, {"v_smfmac_f32_32x32x32_f16", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx950},
    {93, {"v_mfma_f32_32x32x4_2b_bf16", InstructionClass::matrix, 32, matrixFloat<32>}, {32, 4, 2, MatrixType::bf16, MatrixType::bf16}, 32, kGfx94x},
    {94, {"v_mfma_f32_16x16x4_4b_bf16", InstructionClass::matrix, 32, matrixFloat<16>}, {16, 4, 4, MatrixType::bf16, MatrixType::bf16}, 16, kGfx94x},
    {95, {"v_mfma_f32_4x4x4_16b_bf16", InstructionClass::matrix, 32, matrixFloat<4>}, {4, 4, 16, MatrixType::bf16, MatrixType::bf16}, 4, kGfx94x},
    {96, {"v_mfma_f32_32x32x8_bf16", InstructionClass::matrix, 32, matrixFloat<32>}, {32, 8, 1, MatrixType::bf16, MatrixType::bf16}, 16, kGfx94x},
    {97, {"v_mfma_f32_16x16x16_bf16", InstructionClass::matrix, 32, matrixFloat<16>}, {16, 16, 1, MatrixType::bf16, MatrixType::bf16}, 4, kGfx94x},
    {98, {"v_smfmac_f32_16x16x32_f16", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx94x},
    {99, {"v_mfma_f32_32x32x4bf16_1k", InstructionClass::matrix, 32, matrixFloat<32>}, {32, 4, 2, MatrixType::bf16, MatrixType::bf16}, 32, kGfx90a},
    {100, {"v_mfma_f32_16x16x4bf16_1k", InstructionClass::matrix, 32, matrixFloat<16>}, {16, 4, 4, MatrixType::bf16, MatrixType::bf16}, 16, kGfx90a},
    {100, {"v_smfmac_f32_32x32x16_f16", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx94x},
    {101, {"v_mfma_f32_4x4x4bf16_1k", InstructionClass::matrix, 32, matrixFloat<4>}, {4, 4, 16, MatrixType::bf16, MatrixType::bf16}, 4, kGfx90a},
    {102, {"v_mfma_f32_32x32x8bf16_1k", InstructionClass::matrix, 32, matrixFloat<32>}, {32, 8, 1, MatrixType::bf16, MatrixType::bf16}, 16, kGfx90a},
    {102, {"v_smfmac_f32_16x16x32_bf16", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx94x},
    {103, {"v_mfma_f32_16x16x16bf16_1k", InstructionClass::matrix, 32, matrixFloat<16>}, {16, 16, 1, MatrixType::bf16, MatrixType::bf16}, 4, kGfx90a},
    {104, {"v_mfma_f32_32x32x2bf16", InstructionClass::matrix, 32, matrixFloat<32>}, {32, 2, 2, MatrixType::bf16, MatrixType::bf16}, 32, kGfx90a},
    {104, {"v_smfmac_f32_32x32x16_bf16", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx94x},
    {105, {"v_mfma_f32_16x16x2bf16", InstructionClass::matrix, 32, matrixFloat<16>}, {16, 2, 4, MatrixType::bf16, MatrixType::bf16}, 16, kGfx90a},
    {106, {"v_smfmac_i32_16x16x64_i8", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx94x},
    {107, {"v_mfma_f32_4x4x2bf16", InstructionClass::matrix, 32, matrixFloat<4>}, {4, 2, 16, MatrixType::bf16, MatrixType::bf16}, 4, kGfx90a},
    {108, {"v_mfma_f32_32x32x4bf16", InstructionClass::matrix, 32, matrixFloat<32>}, {32, 4, 1, MatrixType::bf16, MatrixType::bf16}, 16, kGfx90a},
    {108, {"v_smfmac_i32_32x32x32_i8", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx94x},
    {109, {"v_mfma_f32_16x16x8bf16", InstructionClass::matrix, 32, matrixFloat<16>}, {16, 8, 1, MatrixType::bf16, MatrixType::bf16}, 4, kGfx90a},
    {110, {"v_mfma_f64_16x16x4_f64", InstructionClass::matrix, 32, matrixDouble}, {16, 4, 1, MatrixType::f64, MatrixType::f64}, 8, kGfx94x},
    {110, {"v_mfma_f64_16x16x4f64", InstructionClass::matrix, 32, matrixDouble}, {16, 4, 1, MatrixType::f64, MatrixType::f64}, 8, kGfx90a},
    {111, {"v_mfma_f64_4x4x4_4b_f64", InstructionClass::matrix, 32, notModelled}, {4, 4, 4, MatrixType::f64, MatrixType::f64}, 2, kGfx94x},
    {111, {"v_mfma_f64_4x4x4f64", InstructionClass::matrix, 32, notModelled}, {4, 4, 4, MatrixType::f64, MatrixType::f64}, 2, kGfx90a},
    {112, {"v_mfma_f32_16x16x32_bf8_bf8", InstructionClass::matrix, 32, matrixFloat<16>}, {16, 32, 1, MatrixType::bf8, MatrixType::bf8}, 4, kGfx94x},
    {113, {"v_mfma_f32_16x16x32_bf8_fp8", InstructionClass::matrix, 32, matrixFloat<16>}, {16, 32, 1, MatrixType::bf8, MatrixType::fp8}, 4, kGfx94x},
    {114, {"v_mfma_f32_16x16x32_fp8_bf8", InstructionClass::matrix, 32, matrixFloat<16>}, {16, 32, 1, MatrixType::fp8, MatrixType::bf8}, 4, kGfx94x},
    {115, {"v_mfma_f32_16x16x32_fp8_fp8", InstructionClass::matrix, 32, matrixFloat<16>}, {16, 32, 1, MatrixType::fp8, MatrixType::fp8}, 4, kGfx94x},
    {116, {"v_mfma_f32_32x32x16_bf8_bf8", InstructionClass::matrix, 32, matrixFloat<32>}, {32, 16, 1, MatrixType::bf8, MatrixType::bf8}, 16, kGfx94x},
    {117, {"v_mfma_f32_32x32x16_bf8_fp8", InstructionClass::matrix, 32, matrixFloat<32>}, {32, 16, 1, MatrixType::bf8, MatrixType::fp8}, 16, kGfx94x},
    {118, {"v_mfma_f32_32x32x16_fp8_bf8", InstructionClass::matrix, 32, matrixFloat<32>}, {32, 16, 1, MatrixType::fp8, MatrixType::bf8}, 16, kGfx94x},
    {119, {"v_mfma_f32_32x32x16_fp8_fp8", InstructionClass::matrix, 32, matrixFloat<32>}, {32, 16, 1, MatrixType::fp8, MatrixType::fp8}, 16, kGfx94x},
    {120, {"v_smfmac_f32_16x16x64_bf8_bf8", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx94x},
    {121, {"v_smfmac_f32_16x16x64_bf8_fp8", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx94x},
    {122, {"v_smfmac_f32_16x16x64_fp8_bf8", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx94x},
    {123, {"v_smfmac_f32_16x16x64_fp8_fp8", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx94x},
    {124, {"v_smfmac_f32_32x32x32_bf8_bf8", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx94x},
    {125, {"v_smfmac_f32_32x32x32_bf8_fp8", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx94x},
    {126, {"v_smfmac_f32_32x32x32_fp8_bf8", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx94x},
    {127, {"v_smfmac_f32_32x32x32_fp8_fp8", InstructionClass::matrix, 32, notModelled}, {16, 1, 1, MatrixType::f32, MatrixType::f32}, 0, kGfx94x},
};
// clang-format on

const Opcode kAccumulationRead = {"v_accvgpr_read_b32", InstructionClass::vector, 32, accumulationRead};
const Opcode kAccumulationWrite = {"v_accvgpr_write_b32", InstructionClass::vector, 32, accumulationWrite};
const Opcode kScaled16 = {"v_mfma_scale_f32_16x16x128_f8f6f4", InstructionClass::matrix, 32, matrixFloat<16>};
const Opcode kScaled32 = {"v_mfma_scale_f32_32x32x64_f8f6f4", InstructionClass::matrix, 32, matrixFloat<32>};

constexpr uint32_t kScalePrefix = 0x2c, kFormats16 = 0x2d, kFormats32 = 0x2e, kReadAccumulation = 0x58,
                   kWriteAccumulation = 0x59;

const MatrixOpcode* find(Target target, uint32_t code) {
  for (const MatrixOpcode& row : kMatrix) {
    if (row.code == code && has(row.targets, target)) return &row;
  }
  return nullptr;
}

/// The formats that CBSZ and BLGP choose for A and B of *_f8f6f4.
bool formatOf(uint32_t code, MatrixType* type) {
  constexpr MatrixType kFormats[] = {MatrixType::fp8, MatrixType::bf8, MatrixType::fp6, MatrixType::bf6,
                                     MatrixType::fp4};
  if (code > 4) return false;
  *type = kFormats[code];
  return true;
}

/// Scalar registers and inline constants; no literal follows a matrix instruction.
constexpr bool isScalarSource(uint32_t code) { return code <= 248 && code != 125; }
constexpr bool isInlineConstant(uint32_t code) {
  return code >= 128 && code <= 248 && !(code > 208 && code < 240);
}

bool decodeAccumulation(uint32_t code, uint32_t first, uint32_t second, Instruction* out) {
  const bool reads = code == kReadAccumulation;
  const uint32_t source = field(second, 0, 8), destination = field(first, 0, 7);
  out->opcode = reads ? &kAccumulationRead : &kAccumulationWrite;
  out->execute = out->opcode->execute;
  out->dwords = 2;
  out->results = 1;
  if (source < 256 && (reads || !isScalarSource(source))) return false;
  out->source[0].code = static_cast<uint16_t>(reads ? source + 256 : source);
  out->destination = vectorCode(destination, !reads);
  return true;
}

/// The scale operands of the prefix.
bool decodeScales(uint32_t first, uint32_t second, Instruction* out) {
  for (const int operand : {0, 1}) {
    const uint32_t code = operand ? field(second, 9, 17) : field(second, 0, 8);
    if (code < 256 && !isScalarSource(code)) return false;
    const uint32_t byte = field(first, 11 + operand, 11 + operand) | field(second, 27 + operand, 27 + operand)
                                                                         << 1;
    out->extra[2 + operand] = code | byte << kScaleByteShift;
  }
  return true;
}

}  // namespace

bool decodeMatrix(Target target, const uint32_t* words, uint64_t available, Instruction* out) {
  if (available < 2) return false;
  out->format = Format::matrix;
  uint32_t code = field(words[0], 16, 22);
  if (code == kReadAccumulation || code == kWriteAccumulation)
    return decodeAccumulation(code, words[0], words[1], out);
  const bool scaled = code == kScalePrefix && target == Target::gfx950;
  if (scaled) {
    if (available < 4 || words[2] >> 23 != words[0] >> 23) return false;
    if (!decodeScales(words[0], words[1], out)) return false;
    words += 2;
    code = field(words[0], 16, 22);
    if (code != kFormats16 && code != kFormats32) return false;
  }
  const MatrixOpcode* row = find(target, code);
  if (!row) return false;
  out->opcode = !scaled ? &row->opcode : code == kFormats16 ? &kScaled16 : &kScaled32;
  out->execute = out->opcode->execute;
  out->dwords = scaled ? 4 : 2;
  if (out->execute == notModelled) return true;

  const uint32_t first = words[0], second = words[1];
  const uint32_t cbsz = field(first, 8, 10), abid = field(first, 11, 14), blgp = field(second, 29, 31);
  const bool accumulationC = field(first, 15, 15), accumulationA = field(second, 27, 27),
             accumulationB = field(second, 28, 28);
  MatrixShape shape = row->shape;
  uint32_t broadcast = 0;
  if (code == kFormats16 || code == kFormats32) {
    if (!formatOf(cbsz, &shape.a) || !formatOf(blgp, &shape.b) || abid > 1) return false;
  } else {
    // Not modelled: blocks of A beyond the shape's, BLGP 3 (rotation), and the negations of f64.
    broadcast = packBroadcast(cbsz, abid, blgp);
    const bool known = (1u << cbsz) <= shape.blocks && abid < (1u << cbsz) && blgp != 3;
    if (!known || (broadcast && shape.a == MatrixType::f64)) out->execute = notModelled;
  }
  const uint32_t a = field(second, 0, 8), b = field(second, 9, 17), c = field(second, 18, 26),
                 d = field(first, 0, 7);
  const uint32_t elements = shape.depth * shape.rows * shape.blocks / kLanes;
  const uint32_t registersA = (elements * elementBits(shape.a) + 31) / 32,
                 registersB = (elements * elementBits(shape.b) + 31) / 32;
  if (a < 256 || b < 256 || !fits(a - 256, registersA) || !fits(b - 256, registersB)) return false;
  if (c >= 256 ? !fits(c - 256, row->results) : !isInlineConstant(c)) return false;
  if (!fits(d, row->results)) return false;
  out->results = row->results;
  out->source[0].code = vectorCode(a - 256, accumulationA);
  out->source[1].code = vectorCode(b - 256, accumulationB);
  out->source[2].code = c >= 256 ? vectorCode(c - 256, accumulationC) : static_cast<uint16_t>(c);
  out->destination = vectorCode(d, accumulationC);
  out->extra[0] = pack(shape);
  out->extra[1] = broadcast;
  return true;
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
