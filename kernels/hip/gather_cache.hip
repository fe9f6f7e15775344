// gather_cache over the layouts "split" and "shuffled" (reshape_and_cache.hip says what they are): ranges of
// positions of each sequence become the rows of dense keys and values.
//
// Neighbouring lanes hold the same piece of 16 rows, which in a block are read in a run.
#include "gather.h"

struct KernelArguments {
  Element* key;    // [rows, heads, size]
  Element* value;  // [rows, heads, size]
  const Stored* key_cache;
  const Stored* value_cache;
  const int* block_table;
  const int* starts;
  const int* row_starts;
  Scales scales;
  int stride_table;
  int stride_key_token;  // strides in elements
  int stride_key_head;
  int stride_value_token;
  int stride_value_head;
  int stride_key_block;
  int stride_value_block;
  int value_group;
  int num_sequences;
  int num_rows;
  int num_blocks;
  int head_size;
  int block_size;
};

extern "C" __global__ __launch_bounds__(kWorkItems) void gather_cache(KernelArguments of) {
  const int lane = threadIdx.x % kWave;
  const int row = blockIdx.x * kTileTokens + lane % kTileTokens;
  const Ranges ranges = {of.block_table,   of.starts,       of.row_starts,
                         of.num_sequences, of.stride_table, of.num_rows};
  const Slot slot = slot_of(ranges, row, of.block_size, of.num_blocks);
  if (!slot.is_there) return;
  const int head = blockIdx.y;
  const int first = lane / kTileTokens * kPiece;
  constexpr int kStep = kTilePieces * kPiece;

  if (threadIdx.x < kWave) {
    const Stored* from = of.key_cache + slot.block * int64_t{of.stride_key_block};
    Element* to = of.key + row * int64_t{of.stride_key_token} + head * int64_t{of.stride_key_head};
    const float scale = kIsPerToken ? scale_at(key_scales(of.scales), of.scales, slot, head, of.block_size)
                                    : key_scale(of.scales);
    for (int element = first; element < of.head_size; element += kStep) {
      const int place = key_offset(head, element, slot.in_block, of.head_size, of.block_size);
      piece_at<Elements8>(to + element) = loaded(piece_at<const StoredPiece>(from + place), scale);
    }
  } else {
    const Stored* from = of.value_cache + slot.block * int64_t{of.stride_value_block} +
                         value_offset(head, slot.in_block, of.head_size, of.block_size, of.value_group);
    Element* to = of.value + row * int64_t{of.stride_value_token} + head * int64_t{of.stride_value_head};
    const float scale = kIsPerToken ? scale_at(value_scales(of.scales), of.scales, slot, head, of.block_size)
                                    : value_scale(of.scales);
    for (int element = first; element < of.head_size; element += kStep) {
      StoredElements piece;
      for (int i = 0; i < kPiece; i++) piece.elements[i] = from[(element + i) * of.value_group];
      piece_at<Elements8>(to + element) = loaded(piece.piece, scale);
    }
  }
}
