// copy_blocks: copies blocks of a KV cache onto others, of the same memory or another: all layers and all
// parts of a block in one launch. Host memory that is pinned is as good as the device's.
//
// A workgroup copies 16 KB of one part, 16 bytes a work-item at a time. No block is read and written by one
// launch.
#include <hip/hip_runtime.h>

constexpr int kWorkItems = 256;
constexpr int kPieces = 4;  // of a work-item
constexpr int kParts = 5;   // that a layout can have
constexpr int kPairs = 384;

struct KernelArguments {
  const uint4* from;
  uint4* to;
  // All lengths are in pieces of 16 bytes.
  int64_t from_layer;  // from one layer to the next
  int64_t to_layer;
  int64_t from_parts[kParts];  // from a layer's first piece to that of each part
  int64_t to_parts[kParts];
  int64_t block_strides[kParts];  // from a block of a part to the next
  int part_pieces[kParts];        // of a block
  int num_parts;
  int pairs[2 * kPairs];  // the block that each copy is from, and the one that it is to
};

extern "C" __global__ __launch_bounds__(kWorkItems) void copy_blocks(KernelArguments of) {
  const int pair = blockIdx.y;
  const int64_t layer = blockIdx.z / of.num_parts;
  const int part = blockIdx.z % of.num_parts;
  const int64_t stride = of.block_strides[part];
  const uint4* from = of.from + layer * of.from_layer + of.from_parts[part] + of.pairs[2 * pair] * stride;
  uint4* to = of.to + layer * of.to_layer + of.to_parts[part] + of.pairs[2 * pair + 1] * stride;
  const int pieces = of.part_pieces[part];
  const int first = blockIdx.x * kWorkItems * kPieces + threadIdx.x;
  uint4 held[kPieces];
#pragma unroll
  for (int i = 0; i < kPieces; i++) {
    if (first + i * kWorkItems < pieces) held[i] = from[first + i * kWorkItems];
  }
#pragma unroll
  for (int i = 0; i < kPieces; i++) {
    if (first + i * kWorkItems < pieces) to[first + i * kWorkItems] = held[i];
  }
}
