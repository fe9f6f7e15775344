// convert_fp8: rounds elements divided by a scale to 8-bit floats, or makes elements of those times a scale.
//
// A work-item converts 8 elements.
#include "float8.h"

using Element = ELEMENT;
using Elements8 = Element __attribute__((ext_vector_type(8)));

struct KernelArguments {
  Element* elements;
  uint8_t* stored;
  const float* scale_tensor;  // [1], or null: then the number holds
  float scale;
  int to_fp8;  // else from it
  int64_t count;
};

constexpr int kWorkItems = 256;
constexpr int kPiece = 8;

static inline __device__ Float8s8 stored_of(Elements8 elements, float scale) {
  return to_float8(__builtin_convertvector(elements, Floats8) / scale);
}

static inline __device__ Elements8 elements_of(Float8s8 stored, float scale) {
  return __builtin_convertvector(from_float8(stored) * scale, Elements8);
}

extern "C" __global__ __launch_bounds__(kWorkItems) void convert_fp8(KernelArguments of) {
  const int64_t first = (blockIdx.x * int64_t{kWorkItems} + threadIdx.x) * kPiece;
  const int64_t left = of.count - first;
  if (left <= 0) return;
  const float scale = chosen_scale(of.scale, of.scale_tensor);
  Element* elements = of.elements + first;
  uint8_t* stored = of.stored + first;
  if (left >= kPiece) {
    if (of.to_fp8) {
      *(Float8s8*)stored = stored_of(*(const Elements8*)elements, scale);
    } else {
      *(Elements8*)elements = elements_of(*(const Float8s8*)stored, scale);
    }
    return;
  }
  union {
    Float8s8 all;
    uint8_t each[kPiece];
  } bytes = {};
  Elements8 piece = {};
  if (of.to_fp8) {
    for (int i = 0; i < kPiece; i++) piece[i] = i < left ? elements[i] : Element{};
    bytes.all = stored_of(piece, scale);
  } else {
    for (int i = 0; i < kPiece; i++) bytes.each[i] = i < left ? stored[i] : 0;
    piece = elements_of(bytes.all, scale);
  }
  for (int i = 0; i < kPiece; i++) {
    if (i >= left) continue;
    if (of.to_fp8) {
      stored[i] = bytes.each[i];
    } else {
      elements[i] = piece[i];
    }
  }
}
