#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "isa/target.h"

namespace emulator {

/// Where a hidden argument of code object v5/v6 lies in the kernarg segment, or of an explicit one.
struct KernelArgument {
  std::string kind;  ///< the metadata's value_kind: "global_buffer", "by_value", "hidden_block_count_x", ...
  uint32_t offset;
  uint32_t bytes;
};

/// Kernels that take preloaded kernargs start here, behind their entry, when they have been preloaded.
constexpr uint64_t kPreloadedEntryOffset = 256;

/// A kernel's descriptor (64 bytes, LLVM's AMDGPU usage guide, "Kernel Descriptor") and its metadata.
struct KernelDescriptor {
  std::string name;
  uint32_t ldsBytes;      ///< static; a launch may add dynamic bytes
  uint32_t scratchBytes;  ///< private memory per lane
  uint32_t kernargBytes;
  uint64_t entry;  ///< offset of the first instruction in the object's image
  uint32_t rsrc1, rsrc2, rsrc3;
  uint16_t properties;  ///< KERNEL_CODE_PROPERTIES: which user SGPRs are set up
  uint8_t preloadDwords,
      preloadOffset;         ///< kernarg dwords that are preloaded into user SGPRs, from which dword
  uint32_t vectorRegisters;  ///< allocated per lane, VGPRs and AGPRs together
  uint32_t maxBlockSize;     ///< of the metadata, 1024 where it says nothing
  std::vector<KernelArgument> arguments;
};

/// A loadable AMDGPU ELF file, checked and laid out. Nothing of the file is trusted: every offset is checked.
class CodeObject {
 public:
  enum class Error : uint8_t { none, notElf, notAmdgpu, unknownTarget, damaged };

  /// `bytes` need not outlive the call.
  static Error read(const uint8_t* bytes, size_t size, CodeObject* out);
  /// How many bytes the ELF file at `bytes` spans by its own headers, 0 where it is none: for
  /// hipModuleLoadData, which gets no size.
  static size_t spannedBytes(const uint8_t* bytes);

  Target target() const { return target_; }
  /// Bytes of the image in memory, from virtual address 0.
  size_t imageBytes() const { return imageBytes_; }
  /// The executable part of the image: [codeBegin, codeEnd).
  uint64_t codeBegin() const { return codeBegin_; }
  uint64_t codeEnd() const { return codeEnd_; }
  /// Copies the segments to `base` and applies the relocations for that place.
  void load(uint8_t* base) const;
  const std::map<std::string, KernelDescriptor>& kernels() const { return kernels_; }

 private:
  friend class CodeObjectReader;
  struct Segment {
    uint64_t address;
    std::vector<uint8_t> bytes;
  };
  struct Relocation {
    uint64_t address;
    int64_t addend;
  };

  Target target_{};
  size_t imageBytes_ = 0;
  uint64_t codeBegin_ = 0, codeEnd_ = 0;
  std::vector<Segment> segments_;
  std::vector<Relocation> relocations_;
  std::map<std::string, KernelDescriptor> kernels_;
};

}  // namespace emulator
