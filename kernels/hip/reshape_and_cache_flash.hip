// reshape_and_cache_flash: writes each new token's key and value into a paged cache whose slots hold whole
// heads, in any order of slots and heads: [blocks, slots, heads, size], [blocks, heads, slots, size], with
// gaps between them.
//
// Four neighbouring lanes hold 64 bytes of one token's head, and write them side by side.
#include "cache.h"

struct KernelArguments {
  const Element* key;    // [tokens, heads, size]
  const Element* value;  // [tokens, heads, size]
  Stored* key_cache;
  Stored* value_cache;
  const int64_t* slot_mapping;  // [tokens]; one that the cache does not have: the token is not written
  Scales scales;
  int stride_key_token;  // strides in elements
  int stride_key_head;
  int stride_value_token;
  int stride_value_head;
  int stride_block;  // of keys and values alike
  int stride_slot;
  int stride_head;
  int num_tokens;
  int num_blocks;
  int head_size;
  int block_size;
};

extern "C" __global__ __launch_bounds__(kWorkItems) void reshape_and_cache_flash(KernelArguments of) {
  const int lane = threadIdx.x % kWave;
  const int token = blockIdx.x * kTileTokens + lane / kTilePieces;
  const Slot slot = slot_of(of.slot_mapping, token, of.num_tokens, of.block_size, of.num_blocks);
  if (!slot.is_there) return;
  const int64_t head = blockIdx.y;
  const int64_t place =
      slot.block * int64_t{of.stride_block} + slot.in_block * int64_t{of.stride_slot} + head * of.stride_head;

  const bool is_key = threadIdx.x < kWave;
  const int64_t stride_token = is_key ? of.stride_key_token : of.stride_value_token;
  const int64_t stride_head = is_key ? of.stride_key_head : of.stride_value_head;
  const Element* from = (is_key ? of.key : of.value) + token * stride_token + head * stride_head;
  Stored* to = (is_key ? of.key_cache : of.value_cache) + place;
  const float scale = is_key ? key_scale(of.scales) : value_scale(of.scales);
  constexpr int kStep = kTilePieces * kPiece;
  for (int element = lane % kTilePieces * kPiece; element < of.head_size; element += kStep) {
    piece_at<StoredPiece>(to + element) = stored(piece_at<const Elements8>(from + element), scale);
  }
}
