#pragma once

#include <cstdint>

namespace emulator {

/// The GPUs whose machine code the emulator executes. Where they differ, code asks the target, never a
/// string.
enum class Target : uint8_t { gfx90a, gfx942, gfx950 };

constexpr int kLanes = 64;

struct TargetTraits {
  const char* name;
  uint32_t elfMachine;    ///< e_flags & 0xff of a code object
  uint32_t ldsBytes;      ///< per compute unit, and the most one workgroup may have
  uint32_t computeUnits;  ///< of the whole accelerator
  uint32_t xcds;          ///< workgroups go to them in turn
  bool fp8Fnuz;           ///< fp8/bf8 are the FNUZ formats (else OCP)
  bool architectedFlatScratch;
  bool mfmaFlushesDenormals;
};

const TargetTraits& traits(Target target);
/// False where `name` ("gfx942", feature suffixes allowed) is none of ours.
bool parseTarget(const char* name, Target* target);

}  // namespace emulator
