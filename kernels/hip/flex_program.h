// Programs of FLEX_ATTENTION, interpreted: any program runs without a compiler. All lanes of a wave run the
// same instruction, each on the values of eight keys, so that control flow is uniform.
//
// The result of an instruction stays where the next one finds its first operand; only what is used later, or
// as another operand, goes to a register. So most instructions move one operand, and chains of them none.
#pragma once

#include "flex_operations.h"

constexpr int kLaneKeys = 8;
constexpr int kKeyRegisters = 12;
constexpr int kRowRegisters = 29;

template <int count>
using WordsOf = Word __attribute__((ext_vector_type(count)));
using Words8 = WordsOf<kLaneKeys>;
using Floats8 = float __attribute__((ext_vector_type(kLaneKeys)));

// Codes of operands: registers of values for each key from 0 on, those for each row; none; for a the result
// of the instruction before; the instruction's number.
constexpr Word kRowOperand = 128;
constexpr Word kNoOperand = kRowOperand + kRowRegisters;
constexpr Word kLastOperand = kNoOperand + 1;
constexpr Word kNumberOperand = kNoOperand + 2;
// All of them are within a vector of registers: the compiler may choose one before it is known to be one.
constexpr int kRowVector = kRowRegisters + 3;
// The register of a result that is not kept. Rows keep it all the same: a choice would be one between
// vectors.
constexpr Word kNoRegister = kRowRegisters;
// Where sections for each key find their inputs.
constexpr Word kKeyInput = 0, kScoreInput = 1;

// A value for each of `count` keys. A tree: arrays would become vectors, which are copied whole.
template <int count, typename T>
struct Lanes {
  Lanes<count / 2, T> low, high;
};
template <typename T>
struct Lanes<1, T> {
  T value;
};

// Calls a function with the values of one key after the other.
template <typename Function, typename First, typename... Others>
static inline __device__ void each(const Function& function, First& first, Others&... others) {
  if constexpr (requires { first.low; }) {
    each(function, first.low, others.low...);
    each(function, first.high, others.high...);
  } else {
    function(first.value, others.value...);
  }
}

// What a program is given of a lane's row, in the order of its first registers.
struct RowInputs {
  int row;
  int head;
  int kv_head;
  int context_length;
  int query;
};

// A program in memory, as lib/flex/image.ts writes it.
class Program {
 public:
  static constexpr int kHeaderWords = 16;

  __device__ explicit Program(const Word* from)
      : tensors_((Tensors)(constant(from) + kHeaderWords)), row_(from, 0), mask_(from, 1), score_(from, 2) {}

  // Computes the values of a row that do not depend on the key.
  __device__ void begin(const RowInputs& inputs) {
    WordsOf<kRowVector>& rows = rows_.value;
    rows[0] = inputs.row, rows[1] = inputs.head, rows[2] = inputs.kv_head;
    rows[3] = inputs.context_length, rows[4] = inputs.query;
    run(row_, rows_);
  }

  // Whether the row sees each of the keys, which are `first_key` and those behind it: 0 or 1.
  __device__ Words8 sees(int first_key) {
    return mask_.length == 0 ? Words8(1) : run_keys(mask_, first_key, Floats8(0));
  }

  __device__ Floats8 score(int first_key, Floats8 scores) {
    if (score_.length == 0) return scores;
    return __builtin_bit_cast(Floats8, run_keys(score_, first_key, scores));
  }

 private:
  static constexpr int kInstructionWords = 2;

  struct Instruction {
    Word first, number;
    static __device__ Instruction at(Constant<Word>* from) { return {from[0], from[1]}; }
    __device__ Word code() const { return first & 0xff; }
    __device__ Word result() const { return first >> 8 & 0xff; }
    __device__ Word a() const { return first >> 16 & 0xff; }
    __device__ Word b() const { return first >> 24; }
  };

  // A run of instructions, with the first at hand: the others are fetched one ahead. The header says where
  // each begins, in words, and how many instructions it has.
  struct Section {
    Constant<Word>* code;
    Word length;
    Instruction first;
    __device__ Section(const Word* from, int section)
        : code(constant(from) + constant(from)[2 * section]),
          length(constant(from)[2 * section + 1]),
          first(Instruction::at(code)) {}
  };

  // A vector of registers for each key: one of them is chosen by a number that all lanes share.
  template <int count, int size>
  using Registers = Lanes<count, WordsOf<size>>;

  // Brings an operand to where instructions find it.
  template <int count, int size>
  __device__ void bring(Word operand, const Registers<count, size>& registers, Lanes<count, Word>& to) const {
    if (count > 1 && operand < kRowOperand) {
      each([&](Word& value, const WordsOf<size>& from) { value = from[operand]; }, to, registers);
    } else {
      const Word same = rows_.value[operand - kRowOperand];
      // Eight copies and no vector of one, which would be filled for operands that are none of a row.
      each(
          [&](Word& value) {
            value = same;
            asm volatile("" : "+v"(value));
          },
          to);
    }
  }

  // Runs a section, and gives its result.
  template <int count, int size>
  __device__ Lanes<count, Word> run(const Section& section, Registers<count, size>& registers) {
    Lanes<count, Word> last;
    Constant<Word>* code = section.code;
    Instruction now = section.first;
    for (Word left = section.length; left != 0; left--) {
      code += kInstructionWords;
      const Instruction next = Instruction::at(code);
      rows_.value[kNumberOperand - kRowOperand] = now.number;
      Lanes<count, Word> other;
      if (now.b() != kNoOperand) bring(now.b(), registers, other);
      if (now.a() != kLastOperand) bring(now.a(), registers, last);
      compute(now, registers, last, other);
      if (count == 1 || now.result() != kNoRegister) {
        each([&](WordsOf<size>& to, Word value) { to[now.result()] = value; }, registers, last);
      }
      now = next;
    }
    return last;
  }

  // Computes an operation, whose result takes the place of operand a.
  template <int count, int size>
  __device__ void compute(Instruction now, const Registers<count, size>& registers, Lanes<count, Word>& a,
                          const Lanes<count, Word>& b) const {
    switch (now.code()) {
#define FLEX_CASE(name)                                                                     \
  case k_##name:                                                                            \
    each([&](Word& x, Word y) { x = flex_##name({x, y, 0, now.number}, tensors_); }, a, b); \
    break;
#define FLEX_SELECT_CASE(name)                                                                \
  case k_##name: {                                                                            \
    Lanes<count, Word> c;                                                                     \
    bring(now.number, registers, c);                                                          \
    each([&](Word& x, Word y, Word z) { x = flex_##name({x, y, z, 0}, tensors_); }, a, b, c); \
    break;                                                                                    \
  }
      FLEX_OPERATIONS(FLEX_CASE, FLEX_SELECT_CASE)
#undef FLEX_CASE
#undef FLEX_SELECT_CASE
      case kCopy:
        break;
      default:
        __builtin_unreachable();
    }
  }

  __device__ Words8 run_keys(const Section& section, int first_key, Floats8 scores) {
    Registers<kLaneKeys, kKeyRegisters> registers;
    int e = 0;
    each(
        [&](WordsOf<kKeyRegisters>& of) {
          asm("" : "=v"(of));  // as they are: undefined ones would be copied
          of[kKeyInput] = first_key + e;
          of[kScoreInput] = as_word(scores[e++]);
        },
        registers);
    const Lanes<kLaneKeys, Word> last = run(section, registers);
    Words8 result;
    e = 0;
    each([&](Word value) { result[e++] = value; }, last);
    return result;
  }

  Tensors tensors_;
  Section row_, mask_, score_;
  Registers<1, kRowVector> rows_ = {};
};
