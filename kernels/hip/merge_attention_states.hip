// merge_attention_states: merges two results of attention for the same queries over different keys, by their
// LSEs.
//
// A workgroup merges the heads of one token, a work-item 8 elements of one head at a time. A state over no
// key has the LSE -inf and no influence; two of them give 0 and -inf.
#include "matrix.h"

struct KernelArguments {
  Element* output;  // [tokens, heads, size], as both states
  float* lse;       // [tokens, heads], or null
  const Element* first;
  const float* first_lse;  // [tokens, heads]
  const Element* second;
  const float* second_lse;
  int num_heads;
  int head_size;
  int stride_output_token;  // strides in elements
  int stride_output_head;
  int stride_first_token;
  int stride_first_head;
  int stride_second_token;
  int stride_second_head;
};

constexpr int kPiece = 8;
constexpr int kWorkItems = 128;
constexpr float kLog2E = 1.44269504f;

extern "C" __global__ __launch_bounds__(kWorkItems) void merge_attention_states(KernelArguments of) {
  const int64_t token = blockIdx.x;
  const int pieces = of.head_size / kPiece;
  for (int i = threadIdx.x; i < of.num_heads * pieces; i += kWorkItems) {
    const int64_t head = i / pieces;
    const int element = i % pieces * kPiece;
    const float first = of.first_lse[token * of.num_heads + head] * kLog2E;
    const float second = of.second_lse[token * of.num_heads + head] * kLog2E;
    const float largest = fmaxf(first, second);
    const bool is_empty = largest == -__builtin_inff();
    const float of_first = is_empty ? 0.0f : __builtin_amdgcn_exp2f(first - largest);
    const float of_second = is_empty ? 0.0f : __builtin_amdgcn_exp2f(second - largest);
    const float sum = of_first + of_second;

    using Floats8 = Vector<float, kPiece>;
    const auto load = [&](const Element* from, int stride_token, int stride_head, float weight) {
      const Elements8 state = *(const Elements8*)(from + token * stride_token + head * stride_head + element);
      return weight == 0.0f ? Floats8{} : __builtin_convertvector(state, Floats8) * (weight / sum);
    };
    const Floats8 merged = load(of.first, of.stride_first_token, of.stride_first_head, of_first) +
                           load(of.second, of.stride_second_token, of.stride_second_head, of_second);
    *(Elements8*)(of.output + token * of.stride_output_token + head * of.stride_output_head + element) =
        __builtin_convertvector(merged, Elements8);
    if (of.lse != nullptr && element == 0) {
      of.lse[token * of.num_heads + head] =
          is_empty ? largest : (largest + __builtin_amdgcn_logf(sum)) / kLog2E;
    }
  }
}
