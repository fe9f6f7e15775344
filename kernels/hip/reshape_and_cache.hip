// reshape_and_cache: writes each new token's key and value into the paged cache of layout "split".
//
//     keys    [blocks, heads, size / 8, slots, 8]      a piece of 8 elements of a head, slot after slot
//     values  [blocks, heads, size, slots]             an element of a head, slot after slot
//
// A workgroup writes one token, a work-item 8 elements of one head at a time. A key's piece stays together:
// 16 bytes in, 16 bytes out. A value's piece goes to 8 rows of slots; where consecutive tokens have
// consecutive slots, the L2 joins what their workgroups write into lines.
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
  int stride_key_block;
  int stride_value_block;
  int num_kv_heads;
  int head_size;
  int block_size;
};

extern "C" __global__ __launch_bounds__(kCacheWorkItems) void reshape_and_cache(KernelArguments of) {
  const int64_t token = blockIdx.x;
  const int64_t slot = of.slot_mapping[token];
  if (slot < 0) return;
  const int64_t block = slot / of.block_size;
  const int in_block = slot % of.block_size;
  const uint16_t* key = of.key + token * of.stride_key_token;
  const uint16_t* value = of.value + token * of.stride_value_token;
  uint16_t* keys = of.key_cache + block * of.stride_key_block;
  uint16_t* values = of.value_cache + block * of.stride_value_block;

  const int pieces = of.head_size / kPiece;
  for (int i = threadIdx.x; i < of.num_kv_heads * pieces; i += kCacheWorkItems) {
    const int head = i / pieces;
    const int first = i % pieces * kPiece;
    store_piece(keys + (i * of.block_size + in_block) * kPiece,
                load_piece(key + head * of.stride_key_head + first));
    const Piece piece = load_piece(value + head * of.stride_value_head + first);
    uint16_t* row = values + i * kPiece * of.block_size + in_block;
    for (int element = 0; element < kPiece; element++) row[element * of.block_size] = piece[element];
  }
}
