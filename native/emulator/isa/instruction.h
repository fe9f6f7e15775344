#pragma once

#include <cstdint>

#include "isa/atomic.h"
#include "isa/matrix_shape.h"

namespace emulator {

struct Wave;
struct Instruction;

/// Executes one instruction for a whole wave. `wave.pc` already points behind the instruction.
using Execute = void (*)(Wave&, const Instruction&);

/// What an instruction costs and is counted as.
enum class InstructionClass : uint8_t {
  scalar,
  vector,
  transcendental,
  matrix,
  lds,
  vectorMemory,
  scalarMemory,
  branch,
  wait,
  barrier,
  other,
};
constexpr int kInstructionClasses = 11;

/// The ISA's encoding formats. MFMA is VOP3P by encoding, with fields of its own.
enum class Format : uint8_t {
  sop1,
  sop2,
  sopc,
  sopk,
  sopp,
  vop1,
  vop2,
  vopc,
  vop3,
  vop3p,
  matrix,
  smem,
  ds,
  flat,
  mubuf,
};

/// The ways one vector ALU operation is executed, chosen at decode by the kinds of its operands.
struct VectorHandlers {
  Execute general;       ///< any operands, all modifiers
  Execute plain;         ///< any operands, no modifiers
  Execute vectors;       ///< all sources are vector registers, no modifiers
  Execute uniformFirst;  ///< source 0 is a scalar or constant, the others vector registers
  const VectorHandlers*
      saturating;        ///< what clamp makes of an integer operation; null: nothing that is modelled
  uint8_t sources;       ///< how many sources the operation reads
  bool floatResult;      ///< clamp and the output modifier act on the result
  uint8_t floatSources;  ///< bit k: neg and abs may modify source k (a handler with resultBits 0 decides)
  uint8_t resultBits;    ///< 16, 32 or 64; 1 for a comparison; 0 where the handler sees to it all
  uint8_t registers[4];  ///< 32-bit registers of the result, then of each source
};

/// One row of an opcode table: what the ISA document says about an opcode, and who executes it.
struct Opcode {
  const char* mnemonic;
  InstructionClass cls;
  uint8_t operandBits;  ///< width of the sources the modifiers act on: 16, 32 or 64
  Execute execute;
  const VectorHandlers* vector = nullptr;  ///< vector ALU operations only; execute is then its `general`
  bool reads = false, writes = false;      ///< memory instructions only: what they do to memory
  bool quarterRate = false;                ///< vector ALU operations only: a full 32-bit integer product
};

/// A source or destination operand. `code` is the ISA's 9-bit operand encoding: 0..127 scalar registers,
/// 128..248 inline constants, 253 SCC, 255 literal, 256..511 v0..v255; 512..767 is ours for a0..a255 (the ACC
/// bits resolved at decode).
struct Operand {
  uint16_t code = 0;
  bool negate = false;    ///< VOP3 neg, or the low half's neg of a packed instruction
  bool absolute = false;  ///< VOP3 abs, or the high half's neg (neg_hi) of a packed instruction
  uint8_t select = 6;     ///< SDWA sub-dword select: 0..3 byte, 4..5 word, 6 dword
  bool signExtend = false;

  bool isVector() const { return code >= 256; }
  bool isLiteral() const { return code == 255; }
  int vectorIndex() const { return code - 256; }  ///< index into Wave::vector
};

/// What matrix instructions have beyond the common fields.
struct MatrixFields {
  MatrixShape shape;
  MatrixBroadcast broadcast;
  MatrixScale scale[2];  ///< of A and of B
};

/// What memory instructions have beyond the common fields.
struct MemoryFields {
  Atomic atomic;
  uint8_t descriptor;  ///< buffers: the descriptor's first scalar register
  bool twoAddresses;   ///< ds_*2_*
  bool isPrivate;      ///< SCRATCH
  bool isBuffer;       ///< SMEM: the base is a buffer descriptor
};

/// A decoded instruction. Fields that a format has no use for stay zero. What the run loop and plain vector
/// instructions read comes first, so that it shares a cache line.
struct alignas(64) Instruction {
  Execute execute = nullptr;  ///< null: not decoded yet
  const Opcode* opcode = nullptr;
  uint32_t literal = 0;
  uint16_t destination = 0;        ///< operand code of the result (vector results: 256 + n)
  uint16_t scalarDestination = 0;  ///< carry-out / compare mask register (VCC = 106 in the short encodings)
  Operand source[3];
  uint8_t dwords = 1;
  Format format = Format::sopp;

  // Vector ALU modifiers.
  bool clamp = false;
  uint8_t outputModifier = 0;  ///< 0 none, 1 *2, 2 *4, 3 /2
  uint8_t opSel =
      0;  ///< bit i: source i's high half (VOP3), or the low result's half (VOP3P); bit 3: destination
  uint8_t opSelHi = 7;    ///< VOP3P: which half the high result takes
  bool longForm = false;  ///< VOP3 encoding of an opcode that also has a short one
  bool sdwa = false;
  uint8_t destinationSelect = 6;
  uint8_t destinationUnused = 0;  ///< SDWA: 0 zero, 1 sign-extend, 2 preserve the rest of the register
  bool dpp = false;
  uint16_t dppControl = 0;
  uint8_t rowMask = 15, bankMask = 15;
  bool boundControl = false;

  // Memory formats (SMEM, DS, FLAT/GLOBAL/SCRATCH, MUBUF).
  int32_t offset = 0;   ///< SOPK and SOPP: simm16; a branch's target is pc + offset, in dwords
  int32_t offset1 = 0;  ///< second address of ds_*2_*
  uint8_t bytes = 0;    ///< per lane and access
  bool signedData = false;
  bool returns = false;  ///< an atomic that gives back the old value (sc0)
  bool toLds = false;    ///< load into LDS instead of registers
  bool offsetEnable = false, indexEnable = false;
  uint8_t half = 0;       ///< 16-bit data of a register's 1: low half (the other stays), 2: high half
  uint8_t results = 0;    ///< registers that a load or returning atomic writes, from `destination`
  uint8_t operands = 0;   ///< data registers that a store or atomic reads, from source[1]
  uint8_t operands1 = 0;  ///< and from source[2] (the second data of DS)

  /// What one class has beyond that.
  union {
    MatrixFields matrix{};
    MemoryFields memory;
    uint32_t truthTable;  ///< v_bitop3
    bool writesExec;      ///< v_cmpx
  };
};

}  // namespace emulator
