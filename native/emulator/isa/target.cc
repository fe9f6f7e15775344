#include "isa/target.h"

#include <cstring>
#include <initializer_list>

namespace emulator {
namespace {

// Sources: e_flags from LLVM's AMDGPU usage guide; compute units, LDS and XCDs of MI250X (one die), MI300X
// and MI355X from AMD's CDNA 2, 3 and 4 white papers.
constexpr TargetTraits kTraits[] = {
    {"gfx90a", 0x3f, 64 * 1024, 110, 1, false, false, true},
    {"gfx942", 0x4c, 64 * 1024, 304, 8, true, true, false},
    {"gfx950", 0x4f, 160 * 1024, 256, 8, false, true, false},
};

}  // namespace

const TargetTraits& traits(Target target) { return kTraits[static_cast<int>(target)]; }

bool parseTarget(const char* name, Target* target) {
  for (const Target candidate : {Target::gfx90a, Target::gfx942, Target::gfx950}) {
    const size_t length = std::strlen(traits(candidate).name);
    if (std::strncmp(name, traits(candidate).name, length) != 0) continue;
    if (name[length] != '\0' && name[length] != ':') continue;
    *target = candidate;
    return true;
  }
  return false;
}

}  // namespace emulator
