// The operations of FLEX_ATTENTION's programs on values of 32 bits: an int32, the bits of a float32, or a
// bool as 0 or 1. lib/flex/operations.ts has the same list in the same order, and says the same on the host.
// What interprets programs and what was generated from them call these functions, so that both give the same
// bits.
#pragma once

#include "sequence.h"

// Float operations are rounded one by one, as on the host: none is joined with another.
#pragma clang fp contract(off)

using Word = uint32_t;

// The addresses of the tensors that a program reads.
using Tensors = Constant<uint64_t>*;

// Operations of one or two operands, and those of three.
#define FLEX_OPERATIONS(OPERATION, SELECT) \
  OPERATION(add_i32)                       \
  OPERATION(sub_i32)                       \
  OPERATION(mul_i32)                       \
  OPERATION(div_i32)                       \
  OPERATION(rem_i32)                       \
  OPERATION(min_i32)                       \
  OPERATION(max_i32)                       \
  OPERATION(abs_i32)                       \
  OPERATION(eq_i32)                        \
  OPERATION(lt_i32)                        \
  OPERATION(le_i32)                        \
  SELECT(select_i32)                       \
  OPERATION(add_f32)                       \
  OPERATION(sub_f32)                       \
  OPERATION(mul_f32)                       \
  OPERATION(div_f32)                       \
  OPERATION(rem_f32)                       \
  OPERATION(min_f32)                       \
  OPERATION(max_f32)                       \
  OPERATION(abs_f32)                       \
  OPERATION(exp_f32)                       \
  OPERATION(log_f32)                       \
  OPERATION(tanh_f32)                      \
  OPERATION(eq_f32)                        \
  OPERATION(lt_f32)                        \
  OPERATION(le_f32)                        \
  SELECT(select_f32)                       \
  OPERATION(and)                           \
  OPERATION(or)                            \
  OPERATION(not )                          \
  SELECT(select_bool)                      \
  OPERATION(i32_to_f32)                    \
  OPERATION(f32_to_i32)                    \
  OPERATION(bool_to_i32)                   \
  OPERATION(first_index)                   \
  OPERATION(next_index)                    \
  OPERATION(read_i32)                      \
  OPERATION(read_u8)                       \
  OPERATION(read_f32)                      \
  OPERATION(read_f16)                      \
  OPERATION(read_bf16)

// Codes of instructions: of the one that gives its operand, then of the operations.
enum Code : Word {
  kCopy,
#define FLEX_CODE(name) k_##name,
  FLEX_OPERATIONS(FLEX_CODE, FLEX_CODE)
#undef FLEX_CODE
};

static inline __device__ float as_float(Word bits) { return __builtin_bit_cast(float, bits); }
static inline __device__ Word as_word(float value) { return __builtin_bit_cast(Word, value); }

// Operands of an operation. `number` is its instruction's own.
struct Operands3 {
  Word a, b, c, number;
  __device__ int x() const { return static_cast<int>(a); }
  __device__ int y() const { return static_cast<int>(b); }
  __device__ float f() const { return as_float(a); }
  __device__ float g() const { return as_float(b); }
};

static inline __device__ int floor_quotient(int a, int b) {
  // Both are divided where the division is defined; -2^31 / -1 wraps.
  if (b == 0) return 0;
  if (b == -1) return static_cast<int>(0u - static_cast<Word>(a));
  const int quotient = a / b;
  return quotient - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

// 1 - 2 / (1 + e^2x) would lose bits near 0, where it is a series: below 0.1 its next term, x^6 17 / 315, is
// less than half of a last bit.
static inline __device__ float tanh_of(float x) {
  const float size = __builtin_fabsf(x);
  const float square = x * x;
  const float series = size * (1.0f + square * (-1.0f / 3 + square * (2.0f / 15)));
  const float power = __builtin_amdgcn_exp2f(2.0f * kLog2E * size);
  const float whole = 1.0f - 2.0f * __builtin_amdgcn_rcpf(1.0f + power);
  return __builtin_copysignf(size < 0.1f ? series : whole, x);
}

template <typename T>
static inline __device__ T element_or_0(Operands3 of, Tensors tensors) {
  using Memory = const T __attribute__((address_space(1)));
  // There is a first one, which is read for those outside too: a load without a branch.
  const T element = ((Memory*)tensors[of.number])[max(of.x(), 0)];
  return of.x() < 0 ? T(0) : element;
}

#define FLEX_DEFINE(name, result) \
  static inline __device__ Word flex_##name(Operands3 of, [[maybe_unused]] Tensors tensors) { return result; }

FLEX_DEFINE(add_i32, of.a + of.b)
FLEX_DEFINE(sub_i32, of.a - of.b)
FLEX_DEFINE(mul_i32, of.a* of.b)
FLEX_DEFINE(div_i32, floor_quotient(of.x(), of.y()))
FLEX_DEFINE(rem_i32, of.b == 0 ? 0 : of.a - static_cast<Word>(floor_quotient(of.x(), of.y())) * of.b)
FLEX_DEFINE(min_i32, of.x() < of.y() ? of.a : of.b)
FLEX_DEFINE(max_i32, of.x() > of.y() ? of.a : of.b)
FLEX_DEFINE(abs_i32, of.x() < 0 ? 0u - of.a : of.a)
FLEX_DEFINE(eq_i32, of.a == of.b)
FLEX_DEFINE(lt_i32, of.x() < of.y())
FLEX_DEFINE(le_i32, of.x() <= of.y())
FLEX_DEFINE(select_i32, of.a != 0 ? of.b : of.c)
FLEX_DEFINE(add_f32, as_word(of.f() + of.g()))
FLEX_DEFINE(sub_f32, as_word(of.f() - of.g()))
FLEX_DEFINE(mul_f32, as_word(of.f() * of.g()))
FLEX_DEFINE(div_f32, as_word(of.f() / of.g()))
FLEX_DEFINE(rem_f32, as_word(of.f() - of.g() * __builtin_floorf(of.f() / of.g())))
FLEX_DEFINE(min_f32, of.f() < of.g() ? of.a : of.b)
FLEX_DEFINE(max_f32, of.f() > of.g() ? of.a : of.b)
FLEX_DEFINE(abs_f32, of.a & 0x7fffffffu)
FLEX_DEFINE(exp_f32, as_word(__builtin_elementwise_exp(of.f())))
FLEX_DEFINE(log_f32, as_word(__builtin_elementwise_log(of.f())))
FLEX_DEFINE(tanh_f32, as_word(tanh_of(of.f())))
FLEX_DEFINE(eq_f32, of.f() == of.g())
FLEX_DEFINE(lt_f32, of.f() < of.g())
FLEX_DEFINE(le_f32, of.f() <= of.g())
FLEX_DEFINE(select_f32, of.a != 0 ? of.b : of.c)
FLEX_DEFINE(and, of.a& of.b)
FLEX_DEFINE(or, of.a | of.b)
FLEX_DEFINE(not, of.a ^ 1)
FLEX_DEFINE(select_bool, of.a != 0 ? of.b : of.c)
FLEX_DEFINE(i32_to_f32, as_word(static_cast<float>(of.x())))
FLEX_DEFINE(f32_to_i32, of.f() != of.f()          ? 0
                        : of.f() >= 2147483648.0f ? 0x7fffffff
                        : of.f() < -2147483648.0f ? 0x80000000
                                                  : static_cast<Word>(static_cast<int>(of.f())))
FLEX_DEFINE(bool_to_i32, of.a)
FLEX_DEFINE(first_index, of.a < of.number ? of.a : ~0u)
FLEX_DEFINE(next_index, of.x() >= 0 && of.b < of.number ? of.a * of.number + of.b : ~0u)
FLEX_DEFINE(read_i32, element_or_0<Word>(of, tensors))
FLEX_DEFINE(read_u8, element_or_0<uint8_t>(of, tensors))
FLEX_DEFINE(read_f32, element_or_0<Word>(of, tensors))
FLEX_DEFINE(read_f16, as_word(static_cast<float>(element_or_0<_Float16>(of, tensors))))
FLEX_DEFINE(read_bf16, static_cast<Word>(element_or_0<uint16_t>(of, tensors)) << 16)
#undef FLEX_DEFINE

#pragma clang fp contract(fast)
