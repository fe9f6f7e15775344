#pragma once

#include <cstddef>

#include "decode/decoder.h"
#include "execute/not_modelled.h"
#include "execute/packed.h"
#include "execute/special.h"
#include "execute/vector_operation.h"
#include "isa/fields.h"

// Opcode tables: rows of (opcode, the ISA document's mnemonic, who executes it), one table per format.

namespace emulator {
namespace EMULATOR_LEVEL {

struct Row {
  uint16_t opcode;
  Targets targets;
  Opcode definition;
};
struct Table {
  const Row* rows;
  size_t count;
};

/// VOP3 opcodes contain the short formats': VOPC from 0, VOP2 from 256, VOP1 from 320.
constexpr unsigned kVop2InVop3 = 256, kVop1InVop3 = 320, kOwnInVop3 = 448;

Table sop1Table(), sop2Table(), sopcTable(), sopkTable(), soppTable();
Table vop1Table(), vop2Table(), vopcTable(), vop3Table(), vop3pTable();
/// Conversions that read op_sel as the part that they take or leave, not as halves of their sources.
Table convertVop1Table(), convertVop3Table();

/// The row of `opcode` for `target`; null where there is none.
const Opcode* find(const Table& table, Target target, unsigned opcode);

constexpr Row row(uint16_t opcode, const char* mnemonic, InstructionClass cls, Execute execute,
                  Targets targets = kAllTargets) {
  return {opcode, targets, {mnemonic, cls, 32, execute, nullptr}};
}

constexpr Row vectorRow(uint16_t opcode, const char* mnemonic, uint8_t bits, const VectorHandlers* handlers,
                        Targets targets, InstructionClass cls = InstructionClass::vector) {
  return {opcode, targets, {mnemonic, cls, bits, handlers->general, handlers}};
}

/// One that takes as many clocks as a transcendental operation.
constexpr Row quarterRate(Row row) {
  row.definition.quarterRate = true;
  return row;
}

/// An operation on lanes.
template <auto F>
constexpr Row op(uint16_t opcode, const char* mnemonic, Targets targets = kAllTargets) {
  return vectorRow(opcode, mnemonic, Operation<F>::bits(), &Operation<F>::kShared, targets);
}
/// An operation with fast variants.
template <auto F>
constexpr Row hot(uint16_t opcode, const char* mnemonic, Targets targets = kAllTargets) {
  return vectorRow(opcode, mnemonic, Operation<F>::bits(), &HotOperation<F>::kFast, targets);
}
/// An operation with a handler of its own for scalar operands behind the first.
template <auto F, Execute kUniform>
struct UniformControl {
  static constexpr VectorHandlers make() {
    VectorHandlers handlers = Operation<F>::kShared;
    handlers.plain = kUniform;
    return handlers;
  }
  static constexpr VectorHandlers kHandlers = make();
};
template <auto F, Execute kUniform>
constexpr Row uniformControl(uint16_t opcode, const char* mnemonic, Targets targets = kAllTargets) {
  return vectorRow(opcode, mnemonic, Operation<F>::bits(), &UniformControl<F, kUniform>::kHandlers, targets);
}
template <auto F>
constexpr Row transcendental(uint16_t opcode, const char* mnemonic, Targets targets = kAllTargets) {
  return vectorRow(opcode, mnemonic, Operation<F>::bits(), &Operation<F>::kShared, targets,
                   InstructionClass::transcendental);
}
template <auto F>
constexpr Row hotTranscendental(uint16_t opcode, const char* mnemonic, Targets targets = kAllTargets) {
  return vectorRow(opcode, mnemonic, Operation<F>::bits(), &HotOperation<F>::kFast, targets,
                   InstructionClass::transcendental);
}

/// An integer operation, and what it is under the clamp bit.
template <auto F, auto Saturated>
struct Saturating {
  using Base = Operation<F>;
  static constexpr VectorHandlers kFast = Base::make(
      Base::vectors, Base::bits() == 32 ? Base::uniformFirst : Base::plain, &Operation<Saturated>::kShared);
};
template <auto F, auto Saturated>
constexpr Row saturating(uint16_t opcode, const char* mnemonic, Targets targets = kAllTargets) {
  return vectorRow(opcode, mnemonic, Operation<F>::bits(), &Saturating<F, Saturated>::kFast, targets);
}

/// A handler of its own: how many sources it has, and the registers of its result and sources.
template <Execute kExecute, uint8_t kSources, uint8_t kResult = 1, uint8_t kFirst = 1, uint8_t kSecond = 1,
          uint8_t kThird = 1, Execute kPlain = kExecute>
struct Custom {
  static constexpr VectorHandlers kHandlers{
      kExecute, kPlain, kPlain, kPlain, nullptr, kSources, false, 7, 0, {kResult, kFirst, kSecond, kThird}};
};
template <class C>
constexpr Row custom(uint16_t opcode, const char* mnemonic, Targets targets = kAllTargets,
                     uint8_t bits = 32) {
  return vectorRow(opcode, mnemonic, bits, &C::kHandlers, targets);
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
