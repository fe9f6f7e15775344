// reshape_and_cache: writes each new token's key and value into the paged cache of layout "split" or
// "shuffled".
//
//     keys    [blocks, heads, size / x, slots, x]        x elements, 16 bytes, of a head, slot after slot
//     values  [blocks, heads, slots / group, size, group]  an element of a head, slot after slot of a group
//
// A group of values is a block in "split", x slots in "shuffled".
//
// Neighbouring lanes hold the same piece of 16 tokens. Where these have consecutive slots, as a prompt's do,
// a piece of their keys is written in a run, and so is each element of their values: with blocks of 16 tokens
// what a wave writes is one block's.
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
  int stride_key_block;
  int stride_value_block;
  int value_group;
  int num_tokens;
  int num_blocks;
  int head_size;
  int block_size;
};

extern "C" __global__ __launch_bounds__(kWorkItems) void reshape_and_cache(KernelArguments of) {
  const int lane = threadIdx.x % kWave;
  const int token = blockIdx.x * kTileTokens + lane % kTileTokens;
  const Slot slot = slot_of(of.slot_mapping, token, of.num_tokens, of.block_size, of.num_blocks);
  if (!slot.is_there) return;
  const int head = blockIdx.y;
  const int first = lane / kTileTokens * kPiece;
  constexpr int kStep = kTilePieces * kPiece;

  if (threadIdx.x < kWave) {
    const Element* from = of.key + token * int64_t{of.stride_key_token} + head * int64_t{of.stride_key_head};
    Stored* to = of.key_cache + slot.block * int64_t{of.stride_key_block};
    float scale = key_scale(of.scales);
    if (kIsPerToken) {
      scale = scale_of_row(from, first, kStep, of.head_size);
      if (first == 0) scale_at(key_scales(of.scales), of.scales, slot, head, of.block_size) = scale;
    }
    for (int element = first; element < of.head_size; element += kStep) {
      const int place = key_offset(head, element, slot.in_block, of.head_size, of.block_size);
      piece_at<StoredPiece>(to + place) = stored(piece_at<const Elements8>(from + element), scale);
    }
  } else {
    const Element* from =
        of.value + token * int64_t{of.stride_value_token} + head * int64_t{of.stride_value_head};
    Stored* to = of.value_cache + slot.block * int64_t{of.stride_value_block} +
                 value_offset(head, slot.in_block, of.head_size, of.block_size, of.value_group);
    float scale = value_scale(of.scales);
    if (kIsPerToken) {
      scale = scale_of_row(from, first, kStep, of.head_size);
      if (first == 0) scale_at(value_scales(of.scales), of.scales, slot, head, of.block_size) = scale;
    }
    for (int element = first; element < of.head_size; element += kStep) {
      const StoredElements piece = {stored(piece_at<const Elements8>(from + element), scale)};
      for (int i = 0; i < kPiece; i++) to[(element + i) * of.value_group] = piece.elements[i];
    }
  }
}
