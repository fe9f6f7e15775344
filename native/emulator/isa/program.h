#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>

#include "isa/instruction.h"

namespace emulator {

/// The decoded form of one loaded code segment: an entry per dword, all undecoded at first. The run loop
/// decodes an entry when a wave first reaches it, so that a large object costs only what is executed
/// (untouched entries are never committed).
class Program {
 public:
  /// `codeBase` is the device (= host) address of the segment's first dword.
  Program(uint64_t codeBase, uint64_t codeDwords) : codeBase_(codeBase), codeDwords_(codeDwords) {
    // Zeroed memory is what "undecoded" means; one entry more, which stays undecoded, ends the segment.
    const size_t bytes = (codeDwords + 1) * sizeof(Instruction) + alignof(Instruction);
    allocation_ = std::calloc(1, bytes);
    if (!allocation_) throw std::bad_alloc();
    const auto address = reinterpret_cast<uintptr_t>(allocation_) + alignof(Instruction) - 1;
    entries_ = reinterpret_cast<Instruction*>(address / alignof(Instruction) * alignof(Instruction));
  }
  ~Program() { std::free(allocation_); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  const Instruction* entries() const { return entries_; }
  uint64_t codeBase() const { return codeBase_; }
  uint64_t codeDwords() const { return codeDwords_; }

 private:
  uint64_t codeBase_, codeDwords_;
  void* allocation_;
  Instruction* entries_;
};

}  // namespace emulator
