// A HIP program that knows nothing of the emulator: loads the HIP library and the code object of launch-kernels.cpp that
// it is given and launches kernels with an array of pointers to their arguments, as the <<<>>> syntax does. Prints what
// they wrote.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

#include <dlfcn.h>

#include "hip/functions.h"

namespace {

constexpr int kDeviceToHost = 2;

struct Hip {
#define MEMBER(Result, name, parameters) Result(*name) parameters;
  HIP_FUNCTIONS(MEMBER)
#undef MEMBER
};

bool load(const char* path, Hip* hip) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) return false;
#define FIND(Result, name, parameters) \
  if (!(hip->name = reinterpret_cast<Result(*) parameters>(dlsym(library, #name)))) return false;
  HIP_FUNCTIONS(FIND)
#undef FIND
  return true;
}

void check(const Hip& hip, hipError_t status, const char* call) {
  if (status == 0) return;
  std::fprintf(stderr, "%s: %s\n", call, hip.hipGetErrorName(status));
  std::exit(1);
}

}  // namespace

#define CHECK(call) check(hip, hip.call, #call)

int main(int count, char** paths) {
  Hip hip;
  if (count != 3 || !load(paths[1], &hip)) {
    std::fprintf(stderr, "usage: hip-program <HIP library> <code object>\n");
    return 1;
  }
  std::ifstream file(paths[2], std::ios::binary);
  const std::vector<char> object{std::istreambuf_iterator<char>(file), {}};
  hipModule_t module;
  hipFunction_t arguments, hidden;
  void* out;
  CHECK(hipModuleLoadData(&module, object.data()));
  CHECK(hipModuleGetFunction(&arguments, module, "arguments"));
  CHECK(hipModuleGetFunction(&hidden, module, "hidden"));
  CHECK(hipMalloc(&out, 320));

  uint32_t a = 11;
  uint16_t b = 22;
  uint64_t c = uint64_t{33} << 32;
  uint8_t d = 44;
  void* five[] = {&out, &a, &b, &c, &d};
  uint32_t words[80];
  CHECK(hipModuleLaunchKernel(arguments, 1, 1, 1, 1, 1, 1, 0, nullptr, five, nullptr));
  CHECK(hipMemcpyAsync(words, out, 16, kDeviceToHost, nullptr));
  CHECK(hipStreamSynchronize(nullptr));
  std::printf("arguments %u %u %u %u\n", words[0], words[1], words[2], words[3]);

  void* one[] = {&out};
  CHECK(hipModuleLaunchKernel(hidden, 3, 5, 2, 64, 2, 1, 1024, nullptr, one, nullptr));
  CHECK(hipMemcpyAsync(words, out, sizeof words, kDeviceToHost, nullptr));
  CHECK(hipStreamSynchronize(nullptr));
  std::printf("hidden %u %u %u, %u %u\n", words[0], words[1], words[2], words[3] & 0xffff, words[30]);

  const hipError_t status = hip.hipModuleLaunchKernel(hidden, 1, 1, 1, 2048, 1, 1, 0, nullptr, one, nullptr);
  std::printf("too large %s\n", hip.hipGetErrorName(status));
}
