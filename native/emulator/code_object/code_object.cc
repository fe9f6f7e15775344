#include "code_object/code_object.h"

#include <algorithm>
#include <cstring>

#include "code_object/message_pack.h"

namespace emulator {
namespace {

constexpr uint16_t kMachineAmdgpu = 224;
constexpr uint32_t kLoad = 1, kNote = 4;                               // program header types
constexpr uint32_t kSymbolTable = 2, kRela = 4, kDynamicSymbols = 11;  // section types
constexpr uint32_t kMetadataNote = 32;                                 // NT_AMDGPU_METADATA
constexpr uint32_t kRelative64 = 13;                                   // R_AMDGPU_RELATIVE64
constexpr uint64_t kLargestImage = uint64_t{1} << 31;
/// The most private memory of a wave: 8191 times 1 KiB, what COMPUTE_TMPRING_SIZE.WAVESIZE can say.
constexpr uint64_t kLargestScratch = 8191 * 1024;

struct ElfHeader {
  uint8_t ident[16];
  uint16_t type, machine;
  uint32_t version;
  uint64_t entry, programHeaders, sectionHeaders;
  uint32_t flags;
  uint16_t headerBytes, programHeaderBytes, programHeaderCount, sectionHeaderBytes, sectionHeaderCount, names;
};
struct ProgramHeader {
  uint32_t type, flags;
  uint64_t offset, address, physical, fileBytes, memoryBytes, alignment;
};
struct SectionHeader {
  uint32_t name, type;
  uint64_t flags, address, offset, bytes;
  uint32_t link, info;
  uint64_t alignment, entryBytes;
};
struct Symbol {
  uint32_t name;
  uint8_t info, other;
  uint16_t section;
  uint64_t value, bytes;
};
struct Rela {
  uint64_t offset, info;
  int64_t addend;
};
struct Descriptor {
  uint32_t ldsBytes, scratchBytes, kernargBytes, reserved0;
  int64_t entryOffset;
  uint8_t reserved1[20];
  uint32_t rsrc3, rsrc1, rsrc2;
  uint16_t properties, preload;
  uint8_t reserved2[4];
};
static_assert(sizeof(ElfHeader) == 64 && sizeof(ProgramHeader) == 56 && sizeof(SectionHeader) == 64);
static_assert(sizeof(Symbol) == 24 && sizeof(Rela) == 24 && sizeof(Descriptor) == 64);

bool isElf64(const ElfHeader& header) {
  return std::memcmp(header.ident, "\177ELF", 4) == 0 && header.ident[4] == 2 && header.ident[5] == 1;
}

}  // namespace

/// Reads one file into a CodeObject, step by step; every step may find damage.
class CodeObjectReader {
 public:
  CodeObjectReader(const uint8_t* bytes, size_t size, CodeObject* out)
      : bytes_(bytes), size_(size), object_(*out) {}

  CodeObject::Error read() {
    if (!at(0, &header_) || !isElf64(header_)) return CodeObject::Error::notElf;
    if (header_.machine != kMachineAmdgpu) return CodeObject::Error::notAmdgpu;
    if (!readTarget()) return CodeObject::Error::unknownTarget;
    const bool sound = readSegments() && readSections() && readKernels();
    return sound ? CodeObject::Error::none : CodeObject::Error::damaged;
  }

 private:
  template <class T>
  bool at(uint64_t offset, T* out) const {
    if (offset > size_ || size_ - offset < sizeof(T)) return false;
    std::memcpy(out, bytes_ + offset, sizeof(T));
    return true;
  }
  bool holds(uint64_t offset, uint64_t bytes) const { return offset <= size_ && bytes <= size_ - offset; }

  bool readTarget() {
    for (const Target target : {Target::gfx90a, Target::gfx942, Target::gfx950}) {
      if (traits(target).elfMachine != (header_.flags & 0xff)) continue;
      object_.target_ = target;
      return true;
    }
    return false;
  }

  bool readSegments() {
    uint64_t end = 0;
    bool haveCode = false;
    for (uint32_t i = 0; i < header_.programHeaderCount; i++) {
      ProgramHeader segment;
      if (!at(header_.programHeaders + uint64_t{i} * sizeof segment, &segment)) return false;
      if (segment.type == kNote && !readNotes(segment.offset, segment.fileBytes)) return false;
      if (segment.type != kLoad) continue;
      if (segment.address > kLargestImage || segment.memoryBytes > kLargestImage ||
          segment.fileBytes > segment.memoryBytes || !holds(segment.offset, segment.fileBytes)) {
        return false;
      }
      const uint8_t* data = bytes_ + segment.offset;
      object_.segments_.push_back({segment.address, {data, data + segment.fileBytes}});
      end = std::max(end, segment.address + segment.memoryBytes);
      if (segment.flags & 1) {
        if (segment.address % 4) return false;
        const uint64_t codeEnd = segment.address + segment.fileBytes;
        object_.codeBegin_ = haveCode ? std::min(object_.codeBegin_, segment.address) : segment.address;
        object_.codeEnd_ = haveCode ? std::max(object_.codeEnd_, codeEnd) : codeEnd;
        haveCode = true;
      }
    }
    object_.imageBytes_ = end;
    return haveCode;
  }

  bool readNotes(uint64_t offset, uint64_t bytes) {
    if (!holds(offset, bytes)) return false;
    const uint64_t end = offset + bytes;
    while (offset + 12 <= end) {
      uint32_t sizes[3];  // of the name, of the contents; type
      if (!at(offset, &sizes)) return false;
      const uint64_t contents = offset + 12 + (uint64_t{sizes[0]} + 3) / 4 * 4;
      if (!holds(contents, sizes[1])) return false;
      if (sizes[2] == kMetadataNote && !readMessagePack(bytes_ + contents, sizes[1], &metadata_))
        return false;
      offset = contents + (uint64_t{sizes[1]} + 3) / 4 * 4;
    }
    return true;
  }

  bool readSections() {
    for (uint32_t i = 0; i < header_.sectionHeaderCount; i++) {
      SectionHeader section;
      if (!readSection(i, &section)) return false;
      if (section.type == kRela && (section.flags & 2) && !readRelocations(section)) return false;
      if (section.type == kSymbolTable || section.type == kDynamicSymbols) {
        if (!readSymbols(section)) return false;
      }
    }
    return true;
  }

  bool readSection(uint32_t index, SectionHeader* out) const {
    return index < header_.sectionHeaderCount &&
           at(header_.sectionHeaders + uint64_t{index} * sizeof *out, out);
  }

  bool readRelocations(const SectionHeader& section) {
    for (uint64_t offset = 0; offset + sizeof(Rela) <= section.bytes; offset += sizeof(Rela)) {
      Rela rela;
      if (!at(section.offset + offset, &rela) || static_cast<uint32_t>(rela.info) != kRelative64)
        return false;
      if (object_.imageBytes_ < 8 || rela.offset > object_.imageBytes_ - 8) return false;
      object_.relocations_.push_back({rela.offset, rela.addend});
    }
    return true;
  }

  bool readSymbols(const SectionHeader& section) {
    SectionHeader strings;
    if (!readSection(section.link, &strings) || !holds(strings.offset, strings.bytes)) return false;
    const char* names = reinterpret_cast<const char*>(bytes_ + strings.offset);
    for (uint64_t offset = 0; offset + sizeof(Symbol) <= section.bytes; offset += sizeof(Symbol)) {
      Symbol symbol;
      if (!at(section.offset + offset, &symbol) || symbol.name >= strings.bytes) return false;
      const size_t length = strnlen(names + symbol.name, strings.bytes - symbol.name);
      const std::string name(names + symbol.name, length);
      if (symbol.section && length > 3 && name.compare(length - 3, 3, ".kd") == 0) {
        descriptors_[name.substr(0, length - 3)] = symbol.value;
      }
    }
    return true;
  }

  /// Copies `sizeof(T)` bytes of the image at a virtual address.
  template <class T>
  bool atAddress(uint64_t address, T* out) const {
    for (const auto& segment : object_.segments_) {
      const uint64_t offset = address - segment.address;
      if (address < segment.address || offset > segment.bytes.size()) continue;
      if (segment.bytes.size() - offset < sizeof(T)) continue;
      std::memcpy(out, segment.bytes.data() + offset, sizeof(T));
      return true;
    }
    return false;
  }

  bool readKernels() {
    for (const auto& [name, address] : descriptors_) {
      Descriptor descriptor;
      if (!atAddress(address, &descriptor)) return false;
      const uint64_t entry = address + static_cast<uint64_t>(descriptor.entryOffset);
      const uint64_t lastEntry = entry + (descriptor.preload & 0x7f ? kPreloadedEntryOffset : 0);
      if (entry < object_.codeBegin_ || lastEntry >= object_.codeEnd_ || entry % 4) return false;
      if (uint64_t{descriptor.scratchBytes} * kLanes > kLargestScratch) return false;
      KernelDescriptor& kernel = object_.kernels_[name];
      kernel.name = name;
      kernel.ldsBytes = descriptor.ldsBytes;
      kernel.scratchBytes = descriptor.scratchBytes;
      kernel.kernargBytes = descriptor.kernargBytes;
      kernel.entry = entry;
      kernel.rsrc1 = descriptor.rsrc1;
      kernel.rsrc2 = descriptor.rsrc2;
      kernel.rsrc3 = descriptor.rsrc3;
      kernel.properties = descriptor.properties;
      kernel.preloadDwords = descriptor.preload & 0x7f;
      kernel.preloadOffset = static_cast<uint8_t>(descriptor.preload >> 7 & 0xff);
      kernel.vectorRegisters = ((descriptor.rsrc1 & 63) + 1) * 8;  // granules of 8 on all three targets
      kernel.maxBlockSize = 1024;
      describe(&kernel);
    }
    return true;
  }

  /// Adds what only the metadata says. Assemblers leave it out or stale, so nothing depends on its presence.
  void describe(KernelDescriptor* kernel) const {
    const MessagePackValue* kernels = metadata_.get("amdhsa.kernels");
    if (!kernels) return;
    for (const auto& row : kernels->array) {
      if (row.stringOf(".symbol") != kernel->name + ".kd") continue;
      if (!kernel->kernargBytes) {
        kernel->kernargBytes = static_cast<uint32_t>(row.integerOf(".kernarg_segment_size", 0));
      }
      const int64_t most = row.integerOf(".max_flat_workgroup_size", 1024);
      kernel->maxBlockSize = most > 0 && most < 1024 ? static_cast<uint32_t>(most) : 1024;
      if (const MessagePackValue* arguments = row.get(".args")) {
        for (const auto& argument : arguments->array) {
          kernel->arguments.push_back({argument.stringOf(".value_kind"),
                                       static_cast<uint32_t>(argument.integerOf(".offset", 0)),
                                       static_cast<uint32_t>(argument.integerOf(".size", 0))});
        }
      }
      return;
    }
  }

  const uint8_t* bytes_;
  size_t size_;
  CodeObject& object_;
  ElfHeader header_;
  MessagePackValue metadata_;
  std::map<std::string, uint64_t> descriptors_;
};

CodeObject::Error CodeObject::read(const uint8_t* bytes, size_t size, CodeObject* out) {
  *out = CodeObject();
  return CodeObjectReader(bytes, size, out).read();
}

size_t CodeObject::spannedBytes(const uint8_t* bytes) {
  ElfHeader header;
  std::memcpy(&header, bytes, sizeof header);
  if (!isElf64(header)) return 0;
  return header.sectionHeaders + size_t{header.sectionHeaderCount} * header.sectionHeaderBytes;
}

void CodeObject::load(uint8_t* base) const {
  for (const auto& segment : segments_) {
    std::copy(segment.bytes.begin(), segment.bytes.end(), base + segment.address);
  }
  for (const auto& relocation : relocations_) {
    const uint64_t value = reinterpret_cast<uint64_t>(base) + static_cast<uint64_t>(relocation.addend);
    std::memcpy(base + relocation.address, &value, sizeof value);
  }
}

}  // namespace emulator
