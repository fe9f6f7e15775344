#pragma once

// The HIP functions that the addon calls and the emulator exports, declared by ourselves: types that are
// opaque or fixed by the ABI, no structure that changed between HIP releases. Source: the HIP runtime API
// reference.

#include <cstddef>
#include <cstdint>

extern "C" {
using hipError_t = int;
using hipStream_t = struct ihipStream_t*;
using hipEvent_t = struct ihipEvent_t*;
using hipModule_t = struct ihipModule_t*;
using hipFunction_t = struct ihipModuleSymbol_t*;
using hipGraph_t = struct ihipGraph*;
using hipGraphExec_t = struct hipGraphExec*;
using hipHostFn_t = void (*)(void*);
}

/// HIP_FUNCTION(return type, name, (parameters))
#define HIP_FUNCTIONS(HIP_FUNCTION)                                                                          \
  HIP_FUNCTION(const char*, hipGetErrorName, (hipError_t error))                                             \
  HIP_FUNCTION(const char*, hipGetErrorString, (hipError_t error))                                           \
  HIP_FUNCTION(hipError_t, hipGetLastError, ())                                                              \
  HIP_FUNCTION(hipError_t, hipRuntimeGetVersion, (int* version))                                             \
  HIP_FUNCTION(hipError_t, hipDriverGetVersion, (int* version))                                              \
  HIP_FUNCTION(hipError_t, hipGetDeviceCount, (int* count))                                                  \
  HIP_FUNCTION(hipError_t, hipSetDevice, (int device))                                                       \
  HIP_FUNCTION(hipError_t, hipGetDevice, (int* device))                                                      \
  HIP_FUNCTION(hipError_t, hipDeviceGetAttribute, (int* value, int attribute, int device))                   \
  HIP_FUNCTION(hipError_t, hipGetDevicePropertiesR0600, (void* properties, int device))                      \
  HIP_FUNCTION(hipError_t, hipDeviceSynchronize, ())                                                         \
  HIP_FUNCTION(hipError_t, hipDeviceCanAccessPeer, (int* can, int device, int peer))                         \
  HIP_FUNCTION(hipError_t, hipDeviceEnablePeerAccess, (int peer, unsigned flags))                            \
  HIP_FUNCTION(hipError_t, hipMemGetInfo, (size_t * free, size_t * total))                                   \
  HIP_FUNCTION(hipError_t, hipMalloc, (void** pointer, size_t bytes))                                        \
  HIP_FUNCTION(hipError_t, hipFree, (void* pointer))                                                         \
  HIP_FUNCTION(hipError_t, hipHostMalloc, (void** pointer, size_t bytes, unsigned flags))                    \
  HIP_FUNCTION(hipError_t, hipHostFree, (void* pointer))                                                     \
  HIP_FUNCTION(hipError_t, hipMemcpyAsync,                                                                   \
               (void* to, const void* from, size_t bytes, int kind, hipStream_t stream))                     \
  HIP_FUNCTION(hipError_t, hipMemcpyPeerAsync,                                                               \
               (void* to, int toDevice, const void* from, int fromDevice, size_t bytes, hipStream_t stream)) \
  HIP_FUNCTION(hipError_t, hipMemsetAsync, (void* to, int value, size_t bytes, hipStream_t stream))          \
  HIP_FUNCTION(hipError_t, hipStreamCreateWithFlags, (hipStream_t * stream, unsigned flags))                 \
  HIP_FUNCTION(hipError_t, hipStreamDestroy, (hipStream_t stream))                                           \
  HIP_FUNCTION(hipError_t, hipStreamQuery, (hipStream_t stream))                                             \
  HIP_FUNCTION(hipError_t, hipStreamSynchronize, (hipStream_t stream))                                       \
  HIP_FUNCTION(hipError_t, hipStreamWaitEvent, (hipStream_t stream, hipEvent_t event, unsigned flags))       \
  HIP_FUNCTION(hipError_t, hipStreamBeginCapture, (hipStream_t stream, int mode))                            \
  HIP_FUNCTION(hipError_t, hipStreamEndCapture, (hipStream_t stream, hipGraph_t * graph))                    \
  HIP_FUNCTION(hipError_t, hipEventCreateWithFlags, (hipEvent_t * event, unsigned flags))                    \
  HIP_FUNCTION(hipError_t, hipEventDestroy, (hipEvent_t event))                                              \
  HIP_FUNCTION(hipError_t, hipEventRecord, (hipEvent_t event, hipStream_t stream))                           \
  HIP_FUNCTION(hipError_t, hipEventQuery, (hipEvent_t event))                                                \
  HIP_FUNCTION(hipError_t, hipEventElapsedTime, (float* milliseconds, hipEvent_t start, hipEvent_t stop))    \
  HIP_FUNCTION(hipError_t, hipModuleLoadData, (hipModule_t * module, const void* image))                     \
  HIP_FUNCTION(hipError_t, hipModuleUnload, (hipModule_t module))                                            \
  HIP_FUNCTION(hipError_t, hipModuleGetFunction,                                                             \
               (hipFunction_t * function, hipModule_t module, const char* name))                             \
  HIP_FUNCTION(hipError_t, hipModuleLaunchKernel,                                                            \
               (hipFunction_t function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,     \
                unsigned blockY, unsigned blockZ, unsigned ldsBytes, hipStream_t stream, void** parameters,  \
                void** extra))                                                                               \
  HIP_FUNCTION(hipError_t, hipModuleOccupancyMaxActiveBlocksPerMultiprocessor,                               \
               (int* blocks, hipFunction_t function, int blockSize, size_t ldsBytes))                        \
  HIP_FUNCTION(hipError_t, hipGraphInstantiateWithFlags,                                                     \
               (hipGraphExec_t * exec, hipGraph_t graph, unsigned long long flags))                          \
  HIP_FUNCTION(hipError_t, hipGraphLaunch, (hipGraphExec_t exec, hipStream_t stream))                        \
  HIP_FUNCTION(hipError_t, hipGraphExecDestroy, (hipGraphExec_t exec))                                       \
  HIP_FUNCTION(hipError_t, hipGraphDestroy, (hipGraph_t graph))

// HIP functions that the emulator exports for programs with a launcher of their own, as Triton has one; the
// addon has no use for them.
/// LAUNCHER_FUNCTION(return type, name, (parameters))
#define LAUNCHER_FUNCTIONS(LAUNCHER_FUNCTION)                                                               \
  LAUNCHER_FUNCTION(hipError_t, hipGetProcAddress,                                                          \
                    (const char* symbol, void** function, int hipVersion, uint64_t flags, int* result))     \
  LAUNCHER_FUNCTION(hipError_t, hipGetDeviceProperties, (void* properties, int device))                     \
  LAUNCHER_FUNCTION(hipError_t, hipGetDevicePropertiesR0000, (void* properties, int device))                \
  LAUNCHER_FUNCTION(hipError_t, hipPointerGetAttributes, (void* attributes, const void* pointer))           \
  LAUNCHER_FUNCTION(hipError_t, hipPointerGetAttribute, (void* data, int attribute, void* pointer))         \
  LAUNCHER_FUNCTION(hipError_t, hipModuleLoadDataEx,                                                        \
                    (hipModule_t * module, const void* image, unsigned count, int* options, void** values)) \
  LAUNCHER_FUNCTION(hipError_t, hipFuncGetAttribute, (int* value, int attribute, hipFunction_t function))   \
  LAUNCHER_FUNCTION(                                                                                        \
      hipError_t, hipModuleLaunchCooperativeKernel,                                                         \
      (hipFunction_t function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,             \
       unsigned blockY, unsigned blockZ, unsigned ldsBytes, hipStream_t stream, void** parameters))         \
  LAUNCHER_FUNCTION(hipError_t, hipDrvLaunchKernelEx,                                                       \
                    (const void* config, hipFunction_t function, void** parameters, void** extra))

// What the emulator exports beyond HIP. The addon asks for them with dlsym and never needs them on a GPU.
/// EMULATOR_FUNCTION(return type, name, (parameters))
#define EMULATOR_FUNCTIONS(EMULATOR_FUNCTION)                                                              \
  /** Adds a device; `arch` "gfx942" | "gfx950" | "gfx90a", 0 compute units / bytes = that GPU's own. */   \
  EMULATOR_FUNCTION(hipError_t, rocmEmulatorCreateDevice,                                                  \
                    (const char* arch, int computeUnits, uint64_t memoryBytes, int* device))               \
  /** Cancels the device's work, frees its memory; its ordinal is not used again. */                       \
  EMULATOR_FUNCTION(hipError_t, rocmEmulatorDestroyDevice, (int device))                                   \
  /** Text of the last fault on `device` (kernel, workgroup, wave, lane, pc, instruction, address), "" if  \
   * none; of -1: the variable of the environment for which no device is made. */                          \
  EMULATOR_FUNCTION(const char*, rocmEmulatorLastFault, (int device))                                      \
  /** What option COUNTERS had counted of the last 256 launches that have ended on `device` since the last \
   * call: a JSON array (lib/device/emulator.ts), valid until this thread calls again. */                  \
  EMULATOR_FUNCTION(const char*, rocmEmulatorTakeCounters, (int device))                                   \
  /** Sets what the variable ROCM_EMULATOR_<name> would, for the launches and calls that follow. */        \
  EMULATOR_FUNCTION(hipError_t, rocmEmulatorSetOption, (const char* name, const char* value))              \
  /** How often a HIP function has been called in this process: "hipMalloc". */                            \
  EMULATOR_FUNCTION(uint64_t, rocmEmulatorCalls, (const char* function))                                   \
  /** The x86-64 level whose code executes kernels: "x86_64" | "x86_64_v3" | "x86_64_v4". */               \
  EMULATOR_FUNCTION(const char*, rocmEmulatorCpuLevel, ())                                                 \
  /** The dwords of the instruction at `words` (of which `count` may be read), 0 where none is known; its  \
   * text. */                                                                                              \
  EMULATOR_FUNCTION(int, rocmEmulatorDisassemble,                                                          \
                    (const char* arch, const uint32_t* words, uint64_t count, char* text, size_t size))
