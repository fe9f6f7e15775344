#include <initializer_list>

#include "decode/decoder.h"
#include "decode/registers.h"
#include "decode/tables/matrix_rows.h"
#include "execute/matrix.h"
#include "execute/not_modelled.h"
#include "isa/fields.h"

// VOP3P-MAI: the matrix instructions, in the VOP3P encoding (31:23 = 110100111) with fields of their own, and
// gfx950's scaled ones, which a 64-bit prefix with the scales precedes.

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

const Opcode kAccumulationRead = {"v_accvgpr_read_b32", InstructionClass::vector, 32, accumulationRead};
const Opcode kAccumulationWrite = {"v_accvgpr_write_b32", InstructionClass::vector, 32, accumulationWrite};
const Opcode kScaled16 = {"v_mfma_scale_f32_16x16x128_f8f6f4", InstructionClass::matrix, 32, matrixFloat<16>};
const Opcode kScaled32 = {"v_mfma_scale_f32_32x32x64_f8f6f4", InstructionClass::matrix, 32, matrixFloat<32>};

constexpr uint32_t kScalePrefix = 0x2c, kFormats16 = 0x2d, kFormats32 = 0x2e, kReadAccumulation = 0x58,
                   kWriteAccumulation = 0x59;

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
    out->matrix.scale[operand] = {static_cast<uint16_t>(code), static_cast<uint8_t>(byte), true};
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
  const MatrixRow* row = findMatrix(target, code);
  if (!row) return false;
  out->opcode = !scaled ? &row->opcode : code == kFormats16 ? &kScaled16 : &kScaled32;
  out->execute = out->opcode->execute;
  out->dwords = scaled ? 4 : 2;
  if (!isModelled(out->execute)) return true;

  const uint32_t first = words[0], second = words[1];
  const uint32_t cbsz = field(first, 8, 10), abid = field(first, 11, 14), blgp = field(second, 29, 31);
  const bool accumulationC = field(first, 15, 15), accumulationA = field(second, 27, 27),
             accumulationB = field(second, 28, 28);
  MatrixShape shape = row->shape;
  if (code == kFormats16 || code == kFormats32) {
    if (!formatOf(cbsz, &shape.a) || !formatOf(blgp, &shape.b) || abid > 1) return false;
  } else {
    // Not modelled: blocks of A beyond the shape's, BLGP 3 (rotation), and the negations of f64.
    const bool known = (1u << cbsz) <= shape.blocks && abid < (1u << cbsz) && blgp != 3;
    if (!known || ((cbsz | abid | blgp) && shape.a == MatrixType::f64)) out->execute = modifiersNotModelled;
    out->matrix.broadcast = {static_cast<uint8_t>(cbsz), static_cast<uint8_t>(abid),
                             static_cast<uint8_t>(blgp)};
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
  out->matrix.shape = shape;
  return true;
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
