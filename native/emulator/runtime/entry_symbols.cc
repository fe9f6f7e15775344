#include <dlfcn.h>

#include <cstring>

#include "runtime/entry.h"
#include "runtime/symbols.h"

namespace emulator {
namespace {

enum QueryResult : int { found = 0, symbolNotFound = 1 };

/// From this version on hipGetDeviceProperties means the structure of HIP 6.
constexpr int kHip6 = 60000000;

const char* meantBy(const char* symbol, int hipVersion) {
  const bool properties = std::strcmp(symbol, "hipGetDeviceProperties") == 0;
  return properties && hipVersion >= kHip6 ? "hipGetDevicePropertiesR0600" : symbol;
}

}  // namespace

void* exportedFunction(const char* name) {
  // The library may have been loaded for one caller alone (RTLD_LOCAL), so it looks in itself.
  static void* const self = [] {
    Dl_info where;
    return dladdr(reinterpret_cast<void*>(exportedFunction), &where)
               ? dlopen(where.dli_fname, RTLD_NOW | RTLD_NOLOAD)
               : nullptr;
  }();
  if (!self || std::strncmp(name, "hip", 3) != 0) return nullptr;
  return dlsym(self, name);
}

}  // namespace emulator

using namespace emulator;

EMULATOR_EXPORT hipError_t hipGetProcAddress(const char* symbol, void** function, int hipVersion,
                                             uint64_t flags, int* result) {
  return enter("hipGetProcAddress", [&] {
    if (!symbol || !function || flags) return hipErrorInvalidValue;
    *function = exportedFunction(meantBy(symbol, hipVersion));
    if (result) *result = *function ? found : symbolNotFound;
    return *function ? hipSuccess : hipErrorNotFound;
  });
}
