#include "runtime/status.h"

namespace emulator {
namespace {

struct Row {
  int status;
  const char* name;
  const char* text;
};

constexpr Row kRows[] = {
    {hipSuccess, "hipSuccess", "no error"},
    {hipErrorInvalidValue, "hipErrorInvalidValue", "invalid argument"},
    {hipErrorOutOfMemory, "hipErrorOutOfMemory", "out of memory"},
    {hipErrorInvalidConfiguration, "hipErrorInvalidConfiguration", "invalid configuration argument"},
    {hipErrorNoDevice, "hipErrorNoDevice", "no device is present"},
    {hipErrorInvalidDevice, "hipErrorInvalidDevice", "invalid device ordinal"},
    {hipErrorInvalidImage, "hipErrorInvalidImage", "the code object is damaged"},
    {hipErrorNoBinaryForGpu, "hipErrorNoBinaryForGpu", "the code object is for another GPU"},
    {hipErrorPeerAccessUnsupported, "hipErrorPeerAccessUnsupported", "the devices cannot reach each other"},
    {hipErrorInvalidKernelFile, "hipErrorInvalidKernelFile", "not a code object"},
    {hipErrorInvalidHandle, "hipErrorInvalidHandle", "invalid resource handle"},
    {hipErrorIllegalState, "hipErrorIllegalState", "the operation cannot be performed in this state"},
    {hipErrorNotFound, "hipErrorNotFound", "named symbol not found"},
    {hipErrorNotReady, "hipErrorNotReady", "the operation has not completed"},
    {hipErrorIllegalAddress, "hipErrorIllegalAddress", "an illegal memory access was encountered"},
    {hipErrorPeerAccessAlreadyEnabled, "hipErrorPeerAccessAlreadyEnabled", "peer access is already enabled"},
    {hipErrorLaunchFailure, "hipErrorLaunchFailure", "a kernel failed"},
    {hipErrorCooperativeLaunchTooLarge, "hipErrorCooperativeLaunchTooLarge",
     "the device does not hold all workgroups of a cooperative launch at once"},
    {hipErrorNotSupported, "hipErrorNotSupported", "operation not supported"},
    {hipErrorStreamCaptureUnsupported, "hipErrorStreamCaptureUnsupported",
     "operation not permitted while a stream is capturing"},
    {hipErrorStreamCaptureInvalidated, "hipErrorStreamCaptureInvalidated", "the capture has failed"},
    {hipErrorStreamCaptureMerge, "hipErrorStreamCaptureMerge", "two captures would be merged"},
    {hipErrorStreamCaptureUnmatched, "hipErrorStreamCaptureUnmatched",
     "the capture was not begun on this stream"},
    {hipErrorStreamCaptureUnjoined, "hipErrorStreamCaptureUnjoined",
     "a stream of the capture was not waited for by the one that began it"},
    {hipErrorStreamCaptureIsolation, "hipErrorStreamCaptureIsolation",
     "a capture would depend on work outside it"},
    {hipErrorCapturedEvent, "hipErrorCapturedEvent", "the event was recorded in a capture"},
};

const Row* find(int status) {
  for (const Row& row : kRows) {
    if (row.status == status) return &row;
  }
  return nullptr;
}

}  // namespace

const char* statusName(int status) {
  const Row* row = find(status);
  return row ? row->name : "hipErrorUnknown";
}

const char* statusText(int status) {
  const Row* row = find(status);
  return row ? row->text : "unknown error";
}

}  // namespace emulator
