#include "tools/entry_errors.h"

void modules(Fixture& f) {
  hipModule_t module;
  hipFunction_t function;
  int blocks;
  std::vector<char> damaged = f.image;
  ANSWERS(hipErrorInvalidValue, "null", hipModuleLoadData, (&module, nullptr));
  ANSWERS(hipErrorInvalidValue, "null", hipModuleLoadData, (nullptr, f.image.data()));
  damaged[0] = 'x';
  ANSWERS(hipErrorInvalidKernelFile, "no ELF file", hipModuleLoadData, (&module, damaged.data()));
  damaged = f.image;
  damaged[48] = 0x3f;  // e_flags: gfx90a
  ANSWERS(hipErrorNoBinaryForGpu, "another target's object", hipModuleLoadData, (&module, damaged.data()));
  damaged = f.image;
  for (int i = 0; i < damaged[56]; i++) std::memset(&damaged[64 + 56 * i + 8], 0xff, 8);  // segments' offsets
  ANSWERS(hipErrorInvalidImage, "a damaged object", hipModuleLoadData, (&module, damaged.data()));
  ANSWERS(hipErrorInvalidValue, "null", hipModuleLoadDataEx, (&module, nullptr, 0, nullptr, nullptr));
  ANSWERS(hipErrorInvalidHandle, "an unknown kernel", hipFuncGetAttribute,
          (&blocks, 0, nobodys<hipFunction_t>()));
  ANSWERS(hipErrorInvalidValue, "an unknown attribute", hipFuncGetAttribute, (&blocks, 99, f.add));
  ANSWERS(hipErrorInvalidValue, "null", hipFuncGetAttribute, (nullptr, 0, f.add));
  ANSWERS(hipErrorInvalidHandle, "an unknown module", hipModuleUnload, (nobodys<hipModule_t>()));
  ANSWERS(hipErrorInvalidHandle, "an unknown module", hipModuleGetFunction,
          (&function, nobodys<hipModule_t>(), "add"));
  ANSWERS(hipErrorNotFound, "an unknown kernel", hipModuleGetFunction, (&function, f.module, "nonsense"));
  ANSWERS(hipErrorInvalidValue, "null", hipModuleGetFunction, (nullptr, f.module, "add"));
  ANSWERS(hipErrorInvalidHandle, "an unknown kernel", hipModuleOccupancyMaxActiveBlocksPerMultiprocessor,
          (&blocks, nobodys<hipFunction_t>(), 64, 0));
  ANSWERS(hipErrorInvalidValue, "a block of 0", hipModuleOccupancyMaxActiveBlocksPerMultiprocessor,
          (&blocks, f.add, 0, 0));
  ANSWERS(hipErrorInvalidValue, "null", hipModuleOccupancyMaxActiveBlocksPerMultiprocessor,
          (nullptr, f.add, 64, 0));

  const char* name = "hipModuleLaunchKernel";
  answers(name, "an unknown kernel", hipErrorInvalidHandle,
          launch(nobodys<hipFunction_t>(), f.stream, f.memory));
  answers(name, "an unknown stream", hipErrorInvalidHandle, launch(f.add, nobodys<hipStream_t>(), f.memory));
  answers(name, "a stream of another device", hipErrorInvalidHandle,
          launch(f.add, f.foreignStream, f.memory));
  answers(name, "a grid of 0", hipErrorInvalidConfiguration, launch(f.add, f.stream, f.memory, 0));
  answers(name, "a grid of 2^32 work-items", hipErrorInvalidConfiguration,
          launch(f.add, f.stream, f.memory, 1 << 26));
  answers(name, "a block of 0", hipErrorInvalidConfiguration, launch(f.add, f.stream, f.memory, 1, 0));
  answers(name, "a block of 1025", hipErrorInvalidConfiguration, launch(f.add, f.stream, f.memory, 1, 1025));
  answers(name, "too much LDS", hipErrorInvalidValue, launch(f.add, f.stream, f.memory, 1, 64, 65537));
  void* unknown[] = {reinterpret_cast<void*>(9), nullptr, reinterpret_cast<void*>(3)};
  answers(name, "an unknown launch parameter", hipErrorInvalidValue,
          hipModuleLaunchKernel(f.add, 1, 1, 1, 64, 1, 1, 0, f.stream, nullptr, unknown));
  void* parameters[] = {&f.memory, &blocks, &blocks};
  answers(name, "arguments in two ways", hipErrorInvalidValue,
          hipModuleLaunchKernel(f.add, 1, 1, 1, 64, 1, 1, 0, f.stream, parameters, unknown));
}

void otherLaunches(const Fixture& f) {
  void* pointer = f.memory;
  float amount = 1;
  int count = 4;
  void* parameters[] = {&pointer, &amount, &count};
  // Two compute units of four SIMDs with eight waves each.
  ANSWERS(hipErrorCooperativeLaunchTooLarge, "more workgroups than the device holds",
          hipModuleLaunchCooperativeKernel, (f.add, 65, 1, 1, 64, 1, 1, 0, f.stream, parameters));
  ANSWERS(hipErrorInvalidHandle, "an unknown kernel", hipModuleLaunchCooperativeKernel,
          (nobodys<hipFunction_t>(), 1, 1, 1, 64, 1, 1, 0, f.stream, parameters));
  expect("hipModuleLaunchCooperativeKernel", "as many workgroups as the device holds",
         hipModuleLaunchCooperativeKernel(f.add, 64, 1, 1, 64, 1, 1, 0, f.stream, parameters) == hipSuccess);

  struct {
    int id, padding, value[16];
  } attributes[] = {{2, 0, {1}}, {4, 0, {1, 1, 1}}};
  struct {
    unsigned grid[3], block[3], ldsBytes;
    hipStream_t stream;
    void* attributes;
    unsigned count;
  } config = {{64, 1, 1}, {64, 1, 1}, 0, f.stream, attributes, 2};
  ANSWERS(hipErrorInvalidValue, "null", hipDrvLaunchKernelEx, (nullptr, f.add, parameters, nullptr));
  expect("hipDrvLaunchKernelEx", "a cooperative launch",
         hipDrvLaunchKernelEx(&config, f.add, parameters, nullptr) == hipSuccess);
  config.grid[0] = 65;
  ANSWERS(hipErrorCooperativeLaunchTooLarge, "more workgroups than the device holds", hipDrvLaunchKernelEx,
          (&config, f.add, parameters, nullptr));
  attributes[0].value[0] = 0;
  expect("hipDrvLaunchKernelEx", "a launch that is not cooperative",
         hipDrvLaunchKernelEx(&config, f.add, parameters, nullptr) == hipSuccess);
  attributes[1].value[0] = 2;
  ANSWERS(hipErrorNotSupported, "a cluster", hipDrvLaunchKernelEx, (&config, f.add, parameters, nullptr));
  attributes[1].id = 77;
  ANSWERS(hipErrorNotSupported, "an unknown attribute", hipDrvLaunchKernelEx,
          (&config, f.add, parameters, nullptr));
  hipStreamSynchronize(f.stream);
}

void graphs(const Fixture& f) {
  hipGraph_t graph;
  hipGraphExec_t exec;
  hipEvent_t captured;
  hipEventCreateWithFlags(&captured, 0);
  ANSWERS(hipErrorInvalidHandle, "an unknown stream", hipStreamBeginCapture, (nobodys<hipStream_t>(), 2));
  ANSWERS(hipErrorInvalidValue, "an unknown mode", hipStreamBeginCapture, (f.stream, 5));
  ANSWERS(hipErrorStreamCaptureUnsupported, "the null stream", hipStreamBeginCapture, (nullptr, 2));
  ANSWERS(hipErrorIllegalState, "no capture", hipStreamEndCapture, (f.stream, &graph));
  hipStreamBeginCapture(f.stream, 2);
  ANSWERS(hipErrorIllegalState, "a second capture", hipStreamBeginCapture, (f.stream, 2));
  ANSWERS(hipErrorStreamCaptureUnsupported, "a captured stream", hipStreamSynchronize, (f.stream));
  ANSWERS(hipErrorStreamCaptureUnsupported, "a captured stream", hipStreamQuery, (f.stream));
  ANSWERS(hipErrorStreamCaptureIsolation, "an event from outside the capture", hipStreamWaitEvent,
          (f.stream, f.event, 0));
  ANSWERS(hipErrorInvalidValue, "null", hipStreamEndCapture, (f.stream, nullptr));
  hipEventRecord(captured, f.stream);
  ANSWERS(hipErrorStreamCaptureUnsupported, "a captured event", hipEventQuery, (captured));
  hipStream_t joined, second;
  hipStreamCreateWithFlags(&joined, 1);
  hipStreamCreateWithFlags(&second, 1);
  hipStreamWaitEvent(joined, captured, 0);
  ANSWERS(hipErrorStreamCaptureUnmatched, "a stream that joined", hipStreamEndCapture, (joined, &graph));
  hipStreamBeginCapture(second, 2);
  ANSWERS(hipErrorStreamCaptureMerge, "an event of another capture", hipStreamWaitEvent,
          (second, captured, 0));
  ANSWERS(hipErrorStreamCaptureUnjoined, "a stream that nobody waited for", hipStreamEndCapture,
          (f.stream, &graph));
  hipStreamBeginCapture(f.stream, 2);
  launch(f.add, f.stream, f.memory);
  hipStreamEndCapture(f.stream, &graph);
  ANSWERS(hipErrorCapturedEvent, "an event of a capture that has ended", hipStreamWaitEvent,
          (joined, captured, 0));
  ANSWERS(hipErrorInvalidValue, "an unknown graph", hipGraphInstantiateWithFlags,
          (&exec, nobodys<hipGraph_t>(), 0));
  ANSWERS(hipErrorInvalidValue, "null", hipGraphInstantiateWithFlags, (nullptr, graph, 0));
  ANSWERS(hipErrorInvalidValue, "an unknown graph", hipGraphLaunch, (nobodys<hipGraphExec_t>(), f.stream));
  hipGraphInstantiateWithFlags(&exec, graph, 0);
  ANSWERS(hipErrorInvalidHandle, "an unknown stream", hipGraphLaunch, (exec, nobodys<hipStream_t>()));
  ANSWERS(hipErrorInvalidValue, "an unknown graph", hipGraphExecDestroy, (nobodys<hipGraphExec_t>()));
  ANSWERS(hipErrorInvalidValue, "an unknown graph", hipGraphDestroy, (nobodys<hipGraph_t>()));
}
