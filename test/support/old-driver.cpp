// A HIP library that finds its driver too old; all else is the emulator's, which it is linked with.

extern "C" int hipGetDeviceCount(int* count) {
  *count = 0;
  return 35;
}

extern "C" const char* hipGetErrorName(int error) {
  return error == 35 ? "hipErrorInsufficientDriver" : "hipErrorUnknown";
}
