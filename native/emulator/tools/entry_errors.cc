// Takes error paths of every entry point of the emulator and says of each whether it answered as it should:
// what a test runs and reads. The argument is a gfx942 code object with the kernels of
// test/support/runtime-kernels.cpp.

#include <fstream>
#include <iterator>

#include "tools/entry_errors.h"

namespace {

void withoutDevices() {
  int number;
  void* pointer;
  hipEvent_t event;
  ANSWERS(hipErrorNoDevice, "no device", hipGetDeviceCount, (&number));
  ANSWERS(hipErrorNoDevice, "no device", hipMalloc, (&pointer, 16));
  ANSWERS(hipErrorNoDevice, "no device", hipDeviceSynchronize, ());
  ANSWERS(hipErrorNoDevice, "no device", hipEventCreateWithFlags, (&event, 0));
  ANSWERS(hipErrorInvalidDevice, "no device", hipSetDevice, (0));
}

void errors() {
  expect("hipGetErrorName", "an unknown error", !std::strcmp(hipGetErrorName(-1), "hipErrorUnknown"));
  expect("hipGetErrorString", "an unknown error", !std::strcmp(hipGetErrorString(-1), "unknown error"));
  hipSetDevice(99);
  const int first = hipGetLastError(), second = hipGetLastError();
  expect("hipGetLastError", "an error, once", first == hipErrorInvalidDevice && second == hipSuccess);
}

void devices(const Fixture& f) {
  int number;
  char properties[1472];
  ANSWERS(hipErrorInvalidValue, "null", hipRuntimeGetVersion, (nullptr));
  ANSWERS(hipErrorInvalidValue, "null", hipDriverGetVersion, (nullptr));
  ANSWERS(hipErrorInvalidValue, "null", hipGetDeviceCount, (nullptr));
  ANSWERS(hipErrorInvalidDevice, "an unknown device", hipSetDevice, (99));
  ANSWERS(hipErrorInvalidDevice, "a negative device", hipSetDevice, (-1));
  ANSWERS(hipErrorInvalidValue, "null", hipGetDevice, (nullptr));
  ANSWERS(hipErrorInvalidDevice, "an unknown device", hipDeviceGetAttribute, (&number, 63, 99));
  ANSWERS(hipErrorInvalidValue, "an unknown attribute", hipDeviceGetAttribute, (&number, 99999, f.device));
  ANSWERS(hipErrorInvalidValue, "null", hipDeviceGetAttribute, (nullptr, 63, f.device));
  ANSWERS(hipErrorInvalidDevice, "an unknown device", hipGetDevicePropertiesR0600, (properties, 99));
  ANSWERS(hipErrorInvalidValue, "null", hipGetDevicePropertiesR0600, (nullptr, f.device));
  for (auto* function : {hipGetDeviceProperties, hipGetDevicePropertiesR0000}) {
    const char* name =
        function == hipGetDeviceProperties ? "hipGetDeviceProperties" : "hipGetDevicePropertiesR0000";
    answers(name, "an unknown device", hipErrorInvalidDevice, function(properties, 99));
    answers(name, "null", hipErrorInvalidValue, function(nullptr, f.device));
  }
  ANSWERS(hipErrorInvalidDevice, "an unknown device", hipDeviceCanAccessPeer, (&number, f.device, 99));
  ANSWERS(hipErrorInvalidValue, "null", hipDeviceCanAccessPeer, (nullptr, f.device, f.other));
  ANSWERS(hipErrorInvalidDevice, "the device itself", hipDeviceEnablePeerAccess, (f.device, 0));
  ANSWERS(hipErrorInvalidValue, "flags", hipDeviceEnablePeerAccess, (f.other, 1));
  ANSWERS(hipErrorInvalidValue, "an unknown target", rocmEmulatorCreateDevice, ("gfx1100", 0, 0, &number));
  ANSWERS(hipErrorInvalidValue, "null", rocmEmulatorCreateDevice, ("gfx942", 0, 0, nullptr));
  ANSWERS(hipErrorInvalidDevice, "an unknown device", rocmEmulatorDestroyDevice, (99));
  ANSWERS(hipErrorInvalidValue, "an unknown option", rocmEmulatorSetOption, ("NONSENSE", "1"));
  ANSWERS(hipErrorInvalidValue, "a value that makes no sense", rocmEmulatorSetOption, ("SCHEDULE", "turn:0"));
  ANSWERS(hipErrorInvalidValue, "a CPU level that nobody has", rocmEmulatorSetOption, ("CPU", "x86_64_v9"));
  ANSWERS(hipErrorInvalidValue, "null", rocmEmulatorSetOption, (nullptr, "1"));
  for (const char* failure : {"hipNonsense", "hipGetErrorName:1", "rocmEmulatorCalls", "malloc", ":1",
                              "hipMalloc:0", "hipMalloc:3x", "hipMalloc:-1"}) {
    answers("rocmEmulatorSetOption", failure, hipErrorInvalidValue, rocmEmulatorSetOption("FAIL", failure));
  }
  expect("rocmEmulatorLastFault", "an unknown device", !*rocmEmulatorLastFault(99));
  expect("rocmEmulatorTakeCounters", "an unknown device", !std::strcmp(rocmEmulatorTakeCounters(99), "[]"));
  expect("rocmEmulatorCalls", "an unknown function", rocmEmulatorCalls("hipNonsense") == 0);
  expect("rocmEmulatorCalls", "null", rocmEmulatorCalls(nullptr) == 0);
  rocmEmulatorSetOption("CPU", "x86_64");
  expect("rocmEmulatorCpuLevel", "a lower level", !std::strcmp(rocmEmulatorCpuLevel(), "x86_64"));
  rocmEmulatorSetOption("CPU", "best");
  const uint32_t words[] = {0xffffffff, 0xffffffff};
  expect("rocmEmulatorDisassemble", "no instruction",
         rocmEmulatorDisassemble("gfx942", words, 2, nullptr, 0) == 0);
  expect("rocmEmulatorDisassemble", "an unknown target",
         rocmEmulatorDisassemble("gfx1100", words, 2, nullptr, 0) == 0);
}

void memory(const Fixture& f) {
  size_t bytes;
  void* pointer;
  char host[64] = {};
  auto* inner = static_cast<char*>(f.memory) + 16;
  ANSWERS(hipErrorInvalidValue, "null", hipMemGetInfo, (nullptr, &bytes));
  ANSWERS(hipErrorInvalidValue, "null", hipMalloc, (nullptr, 16));
  ANSWERS(hipErrorOutOfMemory, "more than the device has", hipMalloc, (&pointer, kMemory + 1));
  ANSWERS(hipErrorOutOfMemory, "more than anybody has", hipMalloc, (&pointer, ~size_t{0}));
  ANSWERS(hipErrorInvalidValue, "null", hipHostMalloc, (nullptr, 16, 0));
  ANSWERS(hipErrorOutOfMemory, "more than the host has", hipHostMalloc, (&pointer, size_t{1} << 47, 0));
  ANSWERS(hipErrorInvalidValue, "an address within an allocation", hipFree, (inner));
  ANSWERS(hipErrorInvalidValue, "pinned memory", hipFree, (f.pinned));
  ANSWERS(hipErrorInvalidValue, "device memory", hipHostFree, (f.memory));
  hipMalloc(&pointer, 16);
  hipFree(pointer);
  ANSWERS(hipErrorInvalidValue, "memory that has been freed", hipFree, (pointer));

  ANSWERS(hipErrorInvalidValue, "null", hipMemcpyAsync, (nullptr, host, 16, 1, f.stream));
  ANSWERS(hipErrorInvalidValue, "host memory as the device's", hipMemcpyAsync, (host, host, 16, 1, f.stream));
  ANSWERS(hipErrorInvalidValue, "an unknown kind", hipMemcpyAsync, (f.memory, host, 16, 9, f.stream));
  ANSWERS(hipErrorInvalidValue, "past the end", hipMemcpyAsync, (inner, host, 64, 1, f.stream));
  ANSWERS(hipErrorInvalidHandle, "an unknown stream", hipMemcpyAsync,
          (f.memory, host, 16, 1, nobodys<hipStream_t>()));
  ANSWERS(hipErrorInvalidDevice, "an unknown device", hipMemcpyPeerAsync,
          (f.foreign, 99, f.memory, f.device, 16, f.stream));
  ANSWERS(hipErrorInvalidValue, "memory of another device", hipMemcpyPeerAsync,
          (f.foreign, f.device, f.memory, f.device, 16, f.stream));
  ANSWERS(hipErrorInvalidValue, "past the end", hipMemcpyPeerAsync,
          (f.foreign, f.other, inner, f.device, 64, f.stream));
  ANSWERS(hipErrorInvalidHandle, "an unknown stream", hipMemcpyPeerAsync,
          (f.foreign, f.other, f.memory, f.device, 16, nobodys<hipStream_t>()));
  ANSWERS(hipErrorInvalidValue, "past the end", hipMemsetAsync, (inner, 0, 64, f.stream));
  ANSWERS(hipErrorInvalidHandle, "an unknown stream", hipMemsetAsync,
          (f.memory, 0, 16, nobodys<hipStream_t>()));
}

void symbols(const Fixture& f) {
  void* function = nullptr;
  int result = -1;
  ANSWERS(hipErrorInvalidValue, "null", hipGetProcAddress, ("hipMalloc", nullptr, 60000000, 0, &result));
  ANSWERS(hipErrorInvalidValue, "flags", hipGetProcAddress, ("hipMalloc", &function, 60000000, 1, &result));
  ANSWERS(hipErrorNotFound, "an unknown function", hipGetProcAddress,
          ("hipNonsense", &function, 60000000, 0, &result));
  ANSWERS(hipErrorNotFound, "no function of HIP's", hipGetProcAddress,
          ("rocmEmulatorCalls", &function, 60000000, 0, &result));
  expect("hipGetProcAddress", "the result of an unknown function", result == 1 && !function);
  hipGetProcAddress("hipMalloc", &function, 60000000, 0, &result);
  expect("hipGetProcAddress", "a function", result == 0 && function == reinterpret_cast<void*>(hipMalloc));
  hipGetProcAddress("hipGetDeviceProperties", &function, 50000000, 0, nullptr);
  expect("hipGetProcAddress", "HIP 5's properties",
         function == reinterpret_cast<void*>(hipGetDeviceProperties));
  hipGetProcAddress("hipGetDeviceProperties", &function, 60443482, 0, nullptr);
  expect("hipGetProcAddress", "HIP 6's properties",
         function == reinterpret_cast<void*>(hipGetDevicePropertiesR0600));

  char attributes[32];
  uint64_t value = 0;
  char host;
  ANSWERS(hipErrorInvalidValue, "null", hipPointerGetAttributes, (nullptr, f.memory));
  ANSWERS(hipErrorInvalidValue, "memory that HIP knows nothing of", hipPointerGetAttributes,
          (attributes, &host));
  ANSWERS(hipErrorInvalidValue, "null", hipPointerGetAttribute, (nullptr, 2, f.memory));
  ANSWERS(hipErrorInvalidValue, "memory that HIP knows nothing of", hipPointerGetAttribute,
          (&value, 2, &host));
  ANSWERS(hipErrorInvalidValue, "the host's pointer to device memory", hipPointerGetAttribute,
          (&value, 4, f.memory));
  ANSWERS(hipErrorNotSupported, "an unknown attribute", hipPointerGetAttribute, (&value, 99, f.memory));
  hipPointerGetAttribute(&value, 12, static_cast<char*>(f.memory) + 16);
  expect("hipPointerGetAttribute", "the size of the allocation", value == 64);
  int types[2] = {};
  hipPointerGetAttributes(attributes, f.memory);
  std::memcpy(&types[0], attributes, 4);
  hipPointerGetAttributes(attributes, f.pinned);
  std::memcpy(&types[1], attributes, 4);
  expect("hipPointerGetAttributes", "device and pinned memory", types[0] == 2 && types[1] == 1);
}

void streams(const Fixture& f) {
  hipStream_t stream;
  ANSWERS(hipErrorInvalidValue, "null", hipStreamCreateWithFlags, (nullptr, 0));
  ANSWERS(hipErrorInvalidValue, "unknown flags", hipStreamCreateWithFlags, (&stream, 8));
  ANSWERS(hipErrorInvalidHandle, "an unknown stream", hipStreamDestroy, (nobodys<hipStream_t>()));
  ANSWERS(hipErrorInvalidHandle, "the null stream", hipStreamDestroy, (nullptr));
  ANSWERS(hipErrorInvalidHandle, "an unknown stream", hipStreamQuery, (nobodys<hipStream_t>()));
  ANSWERS(hipErrorInvalidHandle, "an unknown stream", hipStreamSynchronize, (nobodys<hipStream_t>()));
  ANSWERS(hipErrorInvalidHandle, "an unknown event", hipStreamWaitEvent,
          (f.stream, nobodys<hipEvent_t>(), 0));
  ANSWERS(hipErrorInvalidHandle, "an unknown stream", hipStreamWaitEvent,
          (nobodys<hipStream_t>(), f.event, 0));
  ANSWERS(hipErrorInvalidValue, "flags", hipStreamWaitEvent, (f.stream, f.event, 1));
}

void events(const Fixture& f) {
  hipEvent_t event;
  float time;
  ANSWERS(hipErrorInvalidValue, "null", hipEventCreateWithFlags, (nullptr, 0));
  ANSWERS(hipErrorInvalidValue, "unknown flags", hipEventCreateWithFlags, (&event, 64));
  ANSWERS(hipErrorNotSupported, "events between processes", hipEventCreateWithFlags, (&event, 6));
  ANSWERS(hipErrorInvalidHandle, "an unknown event", hipEventDestroy, (nobodys<hipEvent_t>()));
  ANSWERS(hipErrorInvalidHandle, "an unknown event", hipEventRecord, (nobodys<hipEvent_t>(), f.stream));
  ANSWERS(hipErrorInvalidHandle, "an event of another device", hipEventRecord, (f.foreignEvent, f.stream));
  ANSWERS(hipErrorInvalidHandle, "an unknown event", hipEventQuery, (nobodys<hipEvent_t>()));
  ANSWERS(hipErrorInvalidHandle, "an event that was not recorded", hipEventElapsedTime,
          (&time, f.event, f.event));
  hipEventRecord(f.event, f.stream);
  hipEventRecord(f.untimed, f.stream);
  hipStreamSynchronize(f.stream);
  ANSWERS(hipErrorInvalidHandle, "an event without time", hipEventElapsedTime, (&time, f.event, f.untimed));
  ANSWERS(hipErrorInvalidValue, "null", hipEventElapsedTime, (nullptr, f.event, f.event));
}

/// A kernel that runs until the gate in `f.memory` is opened keeps a stream busy.
void pendingWork(const Fixture& f) {
  float time;
  const int open = 1;
  hipMemsetAsync(f.memory, 0, 16, f.stream);
  hipStreamSynchronize(f.stream);
  launch(f.wait, f.stream, f.memory);
  hipEventRecord(f.event, f.stream);
  ANSWERS(hipErrorNotReady, "work that has not ended", hipStreamQuery, (f.stream));
  ANSWERS(hipErrorNotReady, "an event that has not happened", hipEventQuery, (f.event));
  ANSWERS(hipErrorNotReady, "an event that has not happened", hipEventElapsedTime, (&time, f.event, f.event));
  hipMemcpyAsync(f.memory, &open, 4, 1, nullptr);
  hipStreamSynchronize(f.stream);
}

/// After a fault every call on the device answers with it; others go on.
void lostDevice(const Fixture& f) {
  void* pointer;
  size_t free, total;
  launch(f.stray, f.stream, f.memory);
  ANSWERS(hipErrorIllegalAddress, "a kernel that faulted", hipStreamSynchronize, (f.stream));
  ANSWERS(hipErrorIllegalAddress, "a lost device", hipDeviceSynchronize, ());
  ANSWERS(hipErrorIllegalAddress, "a lost device", hipMalloc, (&pointer, 16));
  ANSWERS(hipErrorIllegalAddress, "a lost device", hipMemGetInfo, (&free, &total));
  ANSWERS(hipErrorIllegalAddress, "a lost device", hipEventQuery, (f.event));
  answers("hipModuleLaunchKernel", "a lost device", hipErrorIllegalAddress,
          launch(f.add, f.stream, f.memory));
  expect("rocmEmulatorLastFault", "a kernel that faulted",
         std::strstr(rocmEmulatorLastFault(f.device), "kernel      stray") != nullptr);
  hipSetDevice(f.other);
  expect("hipDeviceSynchronize", "another device than the lost one", hipDeviceSynchronize() == hipSuccess);
  rocmEmulatorDestroyDevice(f.device);
  ANSWERS(hipErrorInvalidDevice, "a device that was destroyed", hipSetDevice, (f.device));
  ANSWERS(hipErrorInvalidDevice, "a device that was destroyed", rocmEmulatorDestroyDevice, (f.device));
}

void setUp(Fixture& f) {
  rocmEmulatorCreateDevice("gfx942", 2, kMemory, &f.device);
  rocmEmulatorCreateDevice("gfx942", 2, kMemory, &f.other);
  hipSetDevice(f.other);
  hipMalloc(&f.foreign, 64);
  hipStreamCreateWithFlags(&f.foreignStream, 1);
  hipEventCreateWithFlags(&f.foreignEvent, 0);
  hipSetDevice(f.device);
  hipMalloc(&f.memory, 64);
  hipHostMalloc(&f.pinned, 64, 0);
  hipStreamCreateWithFlags(&f.stream, 1);
  hipEventCreateWithFlags(&f.event, 0);
  hipEventCreateWithFlags(&f.untimed, 2);
  hipModuleLoadData(&f.module, f.image.data());
  hipModuleGetFunction(&f.add, f.module, "add");
  hipModuleGetFunction(&f.wait, f.module, "wait");
  hipModuleGetFunction(&f.stray, f.module, "stray");
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: %s CODE_OBJECT\n", arguments[0]);
    return 2;
  }
  Fixture fixture;
  std::ifstream file(arguments[1], std::ios::binary);
  fixture.image.assign(std::istreambuf_iterator<char>(file), {});
  withoutDevices();
  setUp(fixture);
  errors();
  devices(fixture);
  memory(fixture);
  symbols(fixture);
  streams(fixture);
  events(fixture);
  pendingWork(fixture);
  modules(fixture);
  otherLaunches(fixture);
  graphs(fixture);
  lostDevice(fixture);
  return failures != 0;
}
