#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "execute/operands.h"

// Makes handlers of scalar instructions of plain functions. What SCC becomes is part of the operation:
//
//   scalar<addU32>              leaves SCC alone
//   scalarNonZero<andU32>       SCC = result is not 0
//   scalarFlag<addWithCarry>    the function returns {result, SCC}
//   scalarTest<equalU32>        the function returns the new SCC; there is no other result

namespace emulator {
namespace EMULATOR_LEVEL {

/// A result together with the new SCC.
template <class T>
struct Flagged {
  T value;
  bool scc;
};

/// Source `index` as the function's parameter type.
template <class T>
inline T scalarSource(const Wave& wave, const Instruction& i, int index) {
  const Operand& operand = i.source[index];
  if constexpr (sizeof(T) == 8) {
    if (operand.code < reg::inlineIntegers) return static_cast<T>(wave.scalar64(operand.code));
    return static_cast<T>(uniformValue(wave, operand, i.literal, Lane<T>::kind));
  } else {
    return static_cast<T>(uniform32(wave, operand, i.literal));
  }
}

template <class T>
inline void writeScalar(Wave& wave, int code, T value) {
  if constexpr (sizeof(T) == 8)
    wave.setScalar64(code, static_cast<uint64_t>(value));
  else
    wave.scalar[code] = static_cast<uint32_t>(value);
}

template <auto F, class Signature = decltype(F)>
struct ScalarOperation;

template <auto F, class Result, class... Arguments>
struct ScalarOperation<F, Result (*)(Arguments...)> {
  template <size_t... K>
  static Result apply(const Wave& wave, const Instruction& i, std::index_sequence<K...>) {
    return F(scalarSource<Arguments>(wave, i, K)...);
  }
  static Result apply(const Wave& wave, const Instruction& i) {
    return apply(wave, i, std::index_sequence_for<Arguments...>{});
  }
};

template <auto F>
void scalar(Wave& wave, const Instruction& i) {
  writeScalar(wave, i.destination, ScalarOperation<F>::apply(wave, i));
}
template <auto F>
void scalarNonZero(Wave& wave, const Instruction& i) {
  const auto result = ScalarOperation<F>::apply(wave, i);
  writeScalar(wave, i.destination, result);
  wave.scalar[reg::scc] = result != 0;
}
template <auto F>
void scalarFlag(Wave& wave, const Instruction& i) {
  const auto result = ScalarOperation<F>::apply(wave, i);
  writeScalar(wave, i.destination, result.value);
  wave.scalar[reg::scc] = result.scc;
}
template <auto F>
void scalarTest(Wave& wave, const Instruction& i) {
  wave.scalar[reg::scc] = ScalarOperation<F>::apply(wave, i);
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
