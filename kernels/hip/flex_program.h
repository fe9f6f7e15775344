// Programs of FLEX_ATTENTION, interpreted: any program runs without a compiler. All lanes of a wave run the
// same instruction, each on the values of eight keys, so that control flow is uniform.
#pragma once

#include "flex_operations.h"

constexpr int kLaneKeys = 8;
constexpr int kKeyRegisters = 16;
constexpr int kRowRegisters = 32;

template <int count>
using WordsOf = Word __attribute__((ext_vector_type(count)));
using Words8 = WordsOf<kLaneKeys>;
using Floats8 = float __attribute__((ext_vector_type(kLaneKeys)));

// Codes of operands: registers of values for each key from 0 on, those for each row, the instruction's
// number.
constexpr Word kRowOperand = 128;
constexpr Word kNumberOperand = 255;

// What a program is given of a lane's row. The keys are `first_key` and those behind it.
struct RowInputs {
  int row;
  int head;
  int kv_head;
  int context_length;
  int query;
  __device__ Word get(Word input) const {
    return input == kRow             ? row
           : input == kHead          ? head
           : input == kKvHead        ? kv_head
           : input == kContextLength ? context_length
                                     : query;
  }
};

// A program in memory, as lib/flex/program.ts writes it.
class Program {
 public:
  static constexpr int kHeaderWords = 16;

  __device__ explicit Program(const Word* from)
      : words_(constant(from)), tensors_((Tensors)(constant(from) + kHeaderWords)) {}

  // Computes the values of a row that do not depend on the key.
  __device__ void begin(const RowInputs& inputs) {
    Constant<Word>* code = words_ + words_[0];
    for (Fetched now = fetch(code); now.code() != kEnd;) {
      code += kInstructionWords;
      const Fetched next = fetch(code);
      const WordsOf<1> a = row_operand(now.a(), now.number), b = row_operand(now.b(), now.number);
      WordsOf<1> result;
      if (now.code() == kConstant) {
        result = now.number;
      } else if (now.code() == kInput) {
        result = inputs.get(now.number);
      } else {
        const bool has_c =
            now.code() == k_select_i32 || now.code() == k_select_f32 || now.code() == k_select_bool;
        const WordsOf<1> c = has_c ? row_operand(now.number, 0) : WordsOf<1>(0);
        result = apply(now, a, b, c);
      }
      rows_[now.result()] = result[0];
      now = next;
    }
  }

  // Whether the row sees each of the keys: 0 or 1.
  __device__ Words8 sees(int first_key) const {
    return words_[1] == 0 ? Words8(1) : run(words_[1], words_[3], first_key, Floats8(0));
  }

  __device__ Floats8 score(int first_key, Floats8 scores) const {
    if (words_[2] == 0) return scores;
    return __builtin_bit_cast(Floats8, run(words_[2], words_[4], first_key, scores));
  }

 private:
  static constexpr int kInstructionWords = 2;

  struct Fetched {
    Word first, number;
    __device__ Word code() const { return first & 0xff; }
    __device__ Word result() const { return first >> 8 & 0xff; }
    __device__ Word a() const { return first >> 16 & 0xff; }
    __device__ Word b() const { return first >> 24; }
  };
  static __device__ Fetched fetch(Constant<Word>* from) { return {from[0], from[1]}; }

  // A vector for each key: its register is chosen by a number that all lanes share. Members, since an array
  // would go to memory.
  struct Registers {
    WordsOf<kKeyRegisters> k0, k1, k2, k3, k4, k5, k6, k7;

    __device__ Words8 get(Word r) const { return {k0[r], k1[r], k2[r], k3[r], k4[r], k5[r], k6[r], k7[r]}; }
    __device__ void set(Word r, Words8 values) {
      k0[r] = values[0], k1[r] = values[1], k2[r] = values[2], k3[r] = values[3];
      k4[r] = values[4], k5[r] = values[5], k6[r] = values[6], k7[r] = values[7];
    }
  };

  __device__ WordsOf<1> row_operand(Word code, Word number) const {
    return code == kNumberOperand ? number : rows_[code - kRowOperand];
  }

  __device__ Words8 operand(Word code, Word number, const Registers& keys) const {
    if (code >= kRowOperand) return Words8(row_operand(code, number)[0]);
    return keys.get(code);
  }

  template <int count>
  __device__ WordsOf<count> apply(Fetched now, WordsOf<count> a, WordsOf<count> b, WordsOf<count> c) const {
    WordsOf<count> result = {};
    switch (now.code()) {
#define FLEX_CASE(name)                                                  \
  case k_##name:                                                         \
    _Pragma("unroll") for (int e = 0; e < count; e++) {                  \
      result[e] = flex_##name({a[e], b[e], c[e], now.number}, tensors_); \
    }                                                                    \
    break;
      FLEX_OPERATIONS(FLEX_CASE)
#undef FLEX_CASE
      default:
        break;
    }
    return result;
  }

  __device__ Words8 run(Word section, Word wanted, int first_key, Floats8 scores) const {
    Registers keys = {};
    Constant<Word>* code = words_ + section;
    for (Fetched now = fetch(code); now.code() != kEnd;) {
      code += kInstructionWords;
      const Fetched next = fetch(code);
      Words8 result;
      if (now.code() == kConstant) {
        result = Words8(now.number);
      } else if (now.code() == kInput) {
        if (now.number == kKey) {
#pragma unroll
          for (int e = 0; e < kLaneKeys; e++) result[e] = first_key + e;
        } else {
          result = __builtin_bit_cast(Words8, scores);
        }
      } else {
        const Words8 a = operand(now.a(), now.number, keys), b = operand(now.b(), now.number, keys);
        const bool has_c =
            now.code() == k_select_i32 || now.code() == k_select_f32 || now.code() == k_select_bool;
        const Words8 c = has_c ? operand(now.number, 0, keys) : Words8(0);
        result = apply(now, a, b, c);
      }
      keys.set(now.result(), result);
      now = next;
    }
    return operand(wanted, 0, keys);
  }

  Constant<Word>* words_;
  Tensors tensors_;
  WordsOf<kRowRegisters> rows_ = {};
};
