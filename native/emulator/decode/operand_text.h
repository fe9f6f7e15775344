#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdio>

#include "isa/instruction.h"

namespace emulator {
namespace EMULATOR_LEVEL {

/// Text of limited length.
class Writer {
 public:
  Writer(char* text, size_t size) : text_(text), left_(size) {
    if (size) *text = 0;
  }
  __attribute__((format(printf, 2, 3))) void write(const char* format, ...) {
    if (left_ == 0) return;
    va_list arguments;
    va_start(arguments, format);
    const int length = std::vsnprintf(text_, left_, format, arguments);
    va_end(arguments);
    const size_t written = length < 0 ? 0 : static_cast<size_t>(length) < left_ ? length : left_ - 1;
    text_ += written;
    left_ -= written;
  }
  /// ", " from the second operand on.
  void separate() { write(first_ ? " " : ", "), first_ = false; }

 private:
  char* text_;
  size_t left_;
  bool first_ = true;
};

/// An operand by its code (Operand), of `registers` registers: "v[4:7]", "vcc", "0.5".
void writeOperand(Writer* out, int code, int registers, uint32_t literal);

/// The operands of SMEM, DS, FLAT and MUBUF, and of the matrix instructions.
void writeMemory(Writer* out, const Instruction& instruction);
void writeMatrix(Writer* out, const Instruction& instruction);

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
