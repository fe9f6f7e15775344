#include "decode/tables/rows.h"
#include "execute/compare.h"

namespace emulator {
namespace EMULATOR_LEVEL {
namespace {

// Opcodes come in runs of 8 (integers) or 16 (floats) conditions, v_cmp and then v_cmpx.
#define INTEGER(opcode, prefix, suffix, type, name, condition) \
  op<integerCompare<type, Condition::condition>>(opcode, prefix name "_" suffix)
#define INTEGERS(first, prefix, suffix, type)                                                             \
  INTEGER(first, prefix, suffix, type, "f", never), INTEGER(first + 1, prefix, suffix, type, "lt", less), \
      INTEGER(first + 2, prefix, suffix, type, "eq", equal),                                              \
      INTEGER(first + 3, prefix, suffix, type, "le", lessEqual),                                          \
      INTEGER(first + 4, prefix, suffix, type, "gt", greater),                                            \
      INTEGER(first + 5, prefix, suffix, type, "ne", notEqual),                                           \
      INTEGER(first + 6, prefix, suffix, type, "ge", greaterEqual),                                       \
      INTEGER(first + 7, prefix, suffix, type, "t", always)
#define FLOAT(first, index, prefix, suffix, type, name) \
  op<floatCompare<type, index>>(first + index, prefix name "_" suffix)
#define FLOATS(first, prefix, suffix, type)                                                         \
  FLOAT(first, 0, prefix, suffix, type, "f"), FLOAT(first, 1, prefix, suffix, type, "lt"),          \
      FLOAT(first, 2, prefix, suffix, type, "eq"), FLOAT(first, 3, prefix, suffix, type, "le"),     \
      FLOAT(first, 4, prefix, suffix, type, "gt"), FLOAT(first, 5, prefix, suffix, type, "lg"),     \
      FLOAT(first, 6, prefix, suffix, type, "ge"), FLOAT(first, 7, prefix, suffix, type, "o"),      \
      FLOAT(first, 8, prefix, suffix, type, "u"), FLOAT(first, 9, prefix, suffix, type, "nge"),     \
      FLOAT(first, 10, prefix, suffix, type, "nlg"), FLOAT(first, 11, prefix, suffix, type, "ngt"), \
      FLOAT(first, 12, prefix, suffix, type, "nle"), FLOAT(first, 13, prefix, suffix, type, "neq"), \
      FLOAT(first, 14, prefix, suffix, type, "nlt"), FLOAT(first, 15, prefix, suffix, type, "tru")

constexpr Row kRows[] = {
    op<classF32>(16, "v_cmp_class_f32"),      op<classF32>(17, "v_cmpx_class_f32"),
    op<classF64>(18, "v_cmp_class_f64"),      op<classF64>(19, "v_cmpx_class_f64"),
    op<classF16>(20, "v_cmp_class_f16"),      op<classF16>(21, "v_cmpx_class_f16"),
    FLOATS(32, "v_cmp_", "f16", F16),         FLOATS(48, "v_cmpx_", "f16", F16),
    FLOATS(64, "v_cmp_", "f32", float),       FLOATS(80, "v_cmpx_", "f32", float),
    FLOATS(96, "v_cmp_", "f64", double),      FLOATS(112, "v_cmpx_", "f64", double),
    INTEGERS(160, "v_cmp_", "i16", int16_t),  INTEGERS(168, "v_cmp_", "u16", uint16_t),
    INTEGERS(176, "v_cmpx_", "i16", int16_t), INTEGERS(184, "v_cmpx_", "u16", uint16_t),
    INTEGERS(192, "v_cmp_", "i32", int32_t),  INTEGERS(200, "v_cmp_", "u32", uint32_t),
    INTEGERS(208, "v_cmpx_", "i32", int32_t), INTEGERS(216, "v_cmpx_", "u32", uint32_t),
    INTEGERS(224, "v_cmp_", "i64", int64_t),  INTEGERS(232, "v_cmp_", "u64", uint64_t),
    INTEGERS(240, "v_cmpx_", "i64", int64_t), INTEGERS(248, "v_cmpx_", "u64", uint64_t),
};

}  // namespace

Table vopcTable() { return {kRows, sizeof kRows / sizeof kRows[0]}; }

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
