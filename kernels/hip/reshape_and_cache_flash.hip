// reshape_and_cache_flash: writes each new token's key and value into a paged cache whose slots hold whole
// heads, in any order of slots and heads: [blocks, slots, heads, size], [blocks, heads, slots, size], with
// gaps between them.
//
// A workgroup writes one token, a work-item 8 elements of one head at a time: 16 bytes in, 16 bytes out.
#include "pieces.h"

struct KernelArguments {
  const uint16_t* key;    // [tokens, heads, size]
  const uint16_t* value;  // [tokens, heads, size]
  uint16_t* key_cache;
  uint16_t* value_cache;
  const int64_t* slot_mapping;  // [tokens]; negative: the token is not written
  int stride_key_token;         // strides in elements
  int stride_key_head;
  int stride_value_token;
  int stride_value_head;
  int stride_block;  // of keys and values alike
  int stride_slot;
  int stride_head;
  int num_kv_heads;
  int head_size;
  int block_size;
};

extern "C" __global__ __launch_bounds__(kCacheWorkItems) void reshape_and_cache_flash(KernelArguments of) {
  const int64_t token = blockIdx.x;
  const int64_t slot = of.slot_mapping[token];
  if (slot < 0) return;
  const int64_t at = slot / of.block_size * of.stride_block + slot % of.block_size * of.stride_slot;
  const uint16_t* key = of.key + token * of.stride_key_token;
  const uint16_t* value = of.value + token * of.stride_value_token;

  const int pieces = of.head_size / kPiece;
  for (int i = threadIdx.x; i < of.num_kv_heads * pieces; i += kCacheWorkItems) {
    const int head = i / pieces;
    const int first = i % pieces * kPiece;
    const int64_t to = at + static_cast<int64_t>(head) * of.stride_head + first;
    store_piece(of.key_cache + to, load_piece(key + head * of.stride_key_head + first));
    store_piece(of.value_cache + to, load_piece(value + head * of.stride_value_head + first));
  }
}
