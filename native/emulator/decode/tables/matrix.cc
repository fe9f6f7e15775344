#include "execute/matrix.h"
#include "decode/tables/matrix_rows.h"
#include "execute/not_modelled.h"

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

constexpr Execute handlerOf(int rows, MatrixType type) {
  if (type == MatrixType::i8) return matrixInteger;
  if (type == MatrixType::f64) return matrixDouble;
  return rows == 4 ? matrixFloat<4> : rows == 16 ? matrixFloat<16> : matrixFloat<32>;
}

constexpr MatrixRow row(uint8_t code, const char* name, Execute execute, MatrixShape shape, int results) {
  return {
      code, {name, InstructionClass::matrix, 32, execute}, shape, static_cast<uint8_t>(results), kAllTargets};
}

/// kRows x depth by depth x kRows, `blocks` times.
template <int kRows>
constexpr MatrixRow mfma(uint8_t code, const char* name, uint8_t depth, uint8_t blocks, MatrixType a,
                         MatrixType b) {
  const int registers = kRows * kRows * blocks / kLanes;
  return row(code, name, handlerOf(kRows, a), {kRows, depth, blocks, a, b},
             a == MatrixType::f64 ? 2 * registers : registers);
}
template <int kRows>
constexpr MatrixRow mfma(uint8_t code, const char* name, uint8_t depth, uint8_t blocks, MatrixType type) {
  return mfma<kRows>(code, name, depth, blocks, type, type);
}
constexpr MatrixRow unmodelled(uint8_t code, const char* name) { return row(code, name, notModelled, {}, 0); }

const MatrixRow kMatrix[] = {
    mfma<16>(45, "v_mfma_f32_16x16x128_f8f6f4", 128, 1, MatrixType::fp8).on(kGfx950),
    mfma<32>(46, "v_mfma_f32_32x32x64_f8f6f4", 64, 1, MatrixType::fp8).on(kGfx950),
    mfma<16>(53, "v_mfma_f32_16x16x32_bf16", 32, 1, MatrixType::bf16).on(kGfx950),
    mfma<16>(54, "v_mfma_i32_16x16x64_i8", 64, 1, MatrixType::i8).on(kGfx950),
    mfma<32>(55, "v_mfma_f32_32x32x16_bf16", 16, 1, MatrixType::bf16).on(kGfx950),
    mfma<32>(56, "v_mfma_i32_32x32x32_i8", 32, 1, MatrixType::i8).on(kGfx950),
    unmodelled(57, "v_smfmac_f32_16x16x64_bf16").on(kGfx950),
    unmodelled(58, "v_smfmac_i32_16x16x128_i8").on(kGfx950),
    unmodelled(59, "v_smfmac_f32_16x16x128_bf8_bf8").on(kGfx950),
    unmodelled(60, "v_smfmac_f32_16x16x128_bf8_fp8").on(kGfx950),
    unmodelled(61, "v_smfmac_f32_16x16x128_fp8_bf8").on(kGfx950),
    mfma<16>(62, "v_mfma_f32_16x16x8_xf32", 8, 1, MatrixType::xf32).on(kGfx942),
    mfma<32>(63, "v_mfma_f32_32x32x4_xf32", 4, 1, MatrixType::xf32).on(kGfx942),
    mfma<32>(64, "v_mfma_f32_32x32x1_2b_f32", 1, 2, MatrixType::f32).on(kGfx94x),
    mfma<32>(64, "v_mfma_f32_32x32x1f32", 1, 2, MatrixType::f32).on(kGfx90a),
    mfma<16>(65, "v_mfma_f32_16x16x1_4b_f32", 1, 4, MatrixType::f32).on(kGfx94x),
    mfma<16>(65, "v_mfma_f32_16x16x1f32", 1, 4, MatrixType::f32).on(kGfx90a),
    mfma<4>(66, "v_mfma_f32_4x4x1_16b_f32", 1, 16, MatrixType::f32).on(kGfx94x),
    mfma<4>(66, "v_mfma_f32_4x4x1f32", 1, 16, MatrixType::f32).on(kGfx90a),
    unmodelled(67, "v_smfmac_f32_16x16x128_fp8_fp8").on(kGfx950),
    mfma<32>(68, "v_mfma_f32_32x32x2_f32", 2, 1, MatrixType::f32).on(kGfx94x),
    mfma<32>(68, "v_mfma_f32_32x32x2f32", 2, 1, MatrixType::f32).on(kGfx90a),
    mfma<16>(69, "v_mfma_f32_16x16x4_f32", 4, 1, MatrixType::f32).on(kGfx94x),
    mfma<16>(69, "v_mfma_f32_16x16x4f32", 4, 1, MatrixType::f32).on(kGfx90a),
    unmodelled(70, "v_smfmac_f32_32x32x32_bf16").on(kGfx950),
    unmodelled(71, "v_smfmac_i32_32x32x64_i8").on(kGfx950),
    mfma<32>(72, "v_mfma_f32_32x32x4_2b_f16", 4, 2, MatrixType::f16).on(kGfx94x),
    mfma<32>(72, "v_mfma_f32_32x32x4f16", 4, 2, MatrixType::f16).on(kGfx90a),
    mfma<16>(73, "v_mfma_f32_16x16x4_4b_f16", 4, 4, MatrixType::f16).on(kGfx94x),
    mfma<16>(73, "v_mfma_f32_16x16x4f16", 4, 4, MatrixType::f16).on(kGfx90a),
    mfma<4>(74, "v_mfma_f32_4x4x4_16b_f16", 4, 16, MatrixType::f16).on(kGfx94x),
    mfma<4>(74, "v_mfma_f32_4x4x4f16", 4, 16, MatrixType::f16).on(kGfx90a),
    unmodelled(75, "v_smfmac_f32_32x32x64_bf8_bf8").on(kGfx950),
    mfma<32>(76, "v_mfma_f32_32x32x8_f16", 8, 1, MatrixType::f16).on(kGfx94x),
    mfma<32>(76, "v_mfma_f32_32x32x8f16", 8, 1, MatrixType::f16).on(kGfx90a),
    mfma<16>(77, "v_mfma_f32_16x16x16_f16", 16, 1, MatrixType::f16).on(kGfx94x),
    mfma<16>(77, "v_mfma_f32_16x16x16f16", 16, 1, MatrixType::f16).on(kGfx90a),
    unmodelled(78, "v_smfmac_f32_32x32x64_bf8_fp8").on(kGfx950),
    unmodelled(79, "v_smfmac_f32_32x32x64_fp8_bf8").on(kGfx950),
    mfma<32>(80, "v_mfma_i32_32x32x4_2b_i8", 4, 2, MatrixType::i8).on(kGfx94x),
    mfma<32>(80, "v_mfma_i32_32x32x4i8", 4, 2, MatrixType::i8).on(kGfx90a),
    mfma<16>(81, "v_mfma_i32_16x16x4_4b_i8", 4, 4, MatrixType::i8).on(kGfx94x),
    mfma<16>(81, "v_mfma_i32_16x16x4i8", 4, 4, MatrixType::i8).on(kGfx90a),
    mfma<4>(82, "v_mfma_i32_4x4x4_16b_i8", 4, 16, MatrixType::i8).on(kGfx94x),
    mfma<4>(82, "v_mfma_i32_4x4x4i8", 4, 16, MatrixType::i8).on(kGfx90a),
    unmodelled(83, "v_smfmac_f32_32x32x64_fp8_fp8").on(kGfx950),
    mfma<32>(84, "v_mfma_i32_32x32x8i8", 8, 1, MatrixType::i8).on(kGfx90a),
    mfma<16>(84, "v_mfma_f32_16x16x32_f16", 32, 1, MatrixType::f16).on(kGfx950),
    mfma<16>(85, "v_mfma_i32_16x16x16i8", 16, 1, MatrixType::i8).on(kGfx90a),
    mfma<32>(85, "v_mfma_f32_32x32x16_f16", 16, 1, MatrixType::f16).on(kGfx950),
    mfma<32>(86, "v_mfma_i32_32x32x16_i8", 16, 1, MatrixType::i8).on(kGfx94x),
    mfma<16>(87, "v_mfma_i32_16x16x32_i8", 32, 1, MatrixType::i8).on(kGfx94x),
    unmodelled(90, "v_smfmac_f32_16x16x64_f16").on(kGfx950),
    unmodelled(91, "v_smfmac_f32_32x32x32_f16").on(kGfx950),
    mfma<32>(93, "v_mfma_f32_32x32x4_2b_bf16", 4, 2, MatrixType::bf16).on(kGfx94x),
    mfma<16>(94, "v_mfma_f32_16x16x4_4b_bf16", 4, 4, MatrixType::bf16).on(kGfx94x),
    mfma<4>(95, "v_mfma_f32_4x4x4_16b_bf16", 4, 16, MatrixType::bf16).on(kGfx94x),
    mfma<32>(96, "v_mfma_f32_32x32x8_bf16", 8, 1, MatrixType::bf16).on(kGfx94x),
    mfma<16>(97, "v_mfma_f32_16x16x16_bf16", 16, 1, MatrixType::bf16).on(kGfx94x),
    unmodelled(98, "v_smfmac_f32_16x16x32_f16").on(kGfx94x),
    mfma<32>(99, "v_mfma_f32_32x32x4bf16_1k", 4, 2, MatrixType::bf16).on(kGfx90a),
    mfma<16>(100, "v_mfma_f32_16x16x4bf16_1k", 4, 4, MatrixType::bf16).on(kGfx90a),
    unmodelled(100, "v_smfmac_f32_32x32x16_f16").on(kGfx94x),
    mfma<4>(101, "v_mfma_f32_4x4x4bf16_1k", 4, 16, MatrixType::bf16).on(kGfx90a),
    mfma<32>(102, "v_mfma_f32_32x32x8bf16_1k", 8, 1, MatrixType::bf16).on(kGfx90a),
    unmodelled(102, "v_smfmac_f32_16x16x32_bf16").on(kGfx94x),
    mfma<16>(103, "v_mfma_f32_16x16x16bf16_1k", 16, 1, MatrixType::bf16).on(kGfx90a),
    mfma<32>(104, "v_mfma_f32_32x32x2bf16", 2, 2, MatrixType::bf16).on(kGfx90a),
    unmodelled(104, "v_smfmac_f32_32x32x16_bf16").on(kGfx94x),
    mfma<16>(105, "v_mfma_f32_16x16x2bf16", 2, 4, MatrixType::bf16).on(kGfx90a),
    unmodelled(106, "v_smfmac_i32_16x16x64_i8").on(kGfx94x),
    mfma<4>(107, "v_mfma_f32_4x4x2bf16", 2, 16, MatrixType::bf16).on(kGfx90a),
    mfma<32>(108, "v_mfma_f32_32x32x4bf16", 4, 1, MatrixType::bf16).on(kGfx90a),
    unmodelled(108, "v_smfmac_i32_32x32x32_i8").on(kGfx94x),
    mfma<16>(109, "v_mfma_f32_16x16x8bf16", 8, 1, MatrixType::bf16).on(kGfx90a),
    mfma<16>(110, "v_mfma_f64_16x16x4_f64", 4, 1, MatrixType::f64).on(kGfx94x),
    mfma<16>(110, "v_mfma_f64_16x16x4f64", 4, 1, MatrixType::f64).on(kGfx90a),
    unmodelled(111, "v_mfma_f64_4x4x4_4b_f64").on(kGfx94x),
    unmodelled(111, "v_mfma_f64_4x4x4f64").on(kGfx90a),
    mfma<16>(112, "v_mfma_f32_16x16x32_bf8_bf8", 32, 1, MatrixType::bf8).on(kGfx94x),
    mfma<16>(113, "v_mfma_f32_16x16x32_bf8_fp8", 32, 1, MatrixType::bf8, MatrixType::fp8).on(kGfx94x),
    mfma<16>(114, "v_mfma_f32_16x16x32_fp8_bf8", 32, 1, MatrixType::fp8, MatrixType::bf8).on(kGfx94x),
    mfma<16>(115, "v_mfma_f32_16x16x32_fp8_fp8", 32, 1, MatrixType::fp8).on(kGfx94x),
    mfma<32>(116, "v_mfma_f32_32x32x16_bf8_bf8", 16, 1, MatrixType::bf8).on(kGfx94x),
    mfma<32>(117, "v_mfma_f32_32x32x16_bf8_fp8", 16, 1, MatrixType::bf8, MatrixType::fp8).on(kGfx94x),
    mfma<32>(118, "v_mfma_f32_32x32x16_fp8_bf8", 16, 1, MatrixType::fp8, MatrixType::bf8).on(kGfx94x),
    mfma<32>(119, "v_mfma_f32_32x32x16_fp8_fp8", 16, 1, MatrixType::fp8).on(kGfx94x),
    unmodelled(120, "v_smfmac_f32_16x16x64_bf8_bf8").on(kGfx94x),
    unmodelled(121, "v_smfmac_f32_16x16x64_bf8_fp8").on(kGfx94x),
    unmodelled(122, "v_smfmac_f32_16x16x64_fp8_bf8").on(kGfx94x),
    unmodelled(123, "v_smfmac_f32_16x16x64_fp8_fp8").on(kGfx94x),
    unmodelled(124, "v_smfmac_f32_32x32x32_bf8_bf8").on(kGfx94x),
    unmodelled(125, "v_smfmac_f32_32x32x32_bf8_fp8").on(kGfx94x),
    unmodelled(126, "v_smfmac_f32_32x32x32_fp8_bf8").on(kGfx94x),
    unmodelled(127, "v_smfmac_f32_32x32x32_fp8_fp8").on(kGfx94x),
};

}  // namespace

const MatrixRow* findMatrix(Target target, uint32_t code) {
  for (const MatrixRow& row : kMatrix) {
    if (row.code == code && has(row.targets, target)) return &row;
  }
  return nullptr;
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
