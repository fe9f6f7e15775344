// gather_cache over caches whose slots hold whole heads, in any order of slots and heads, with gaps between
// them: ranges of positions of each sequence become the rows of dense keys and values.
//
// Four neighbouring lanes hold 64 bytes of one row's head, and read them side by side.
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
  int stride_block;  // of keys and values alike
  int stride_slot;
  int stride_head;
  int num_sequences;
  int num_rows;
  int num_blocks;
  int head_size;
  int block_size;
};

extern "C" __global__ __launch_bounds__(kWorkItems) void gather_cache(KernelArguments of) {
  const int lane = threadIdx.x % kWave;
  const int row = blockIdx.x * kTileTokens + lane / kTilePieces;
  const Ranges ranges = {of.block_table,   of.starts,       of.row_starts,
                         of.num_sequences, of.stride_table, of.num_rows};
  const Slot slot = slot_of(ranges, row, of.block_size, of.num_blocks);
  if (!slot.is_there) return;
  const int64_t head = blockIdx.y;

  const bool is_key = threadIdx.x < kWave;
  const Stored* from = (is_key ? of.key_cache : of.value_cache) + slot.block * int64_t{of.stride_block} +
                       slot.in_block * int64_t{of.stride_slot} + head * of.stride_head;
  const int64_t stride_token = is_key ? of.stride_key_token : of.stride_value_token;
  const int64_t stride_head = is_key ? of.stride_key_head : of.stride_value_head;
  Element* to = (is_key ? of.key : of.value) + row * stride_token + head * stride_head;
  const float scale = is_key ? key_scale(of.scales) : value_scale(of.scales);
  constexpr int kStep = kTilePieces * kPiece;
  for (int element = lane % kTilePieces * kPiece; element < of.head_size; element += kStep) {
    piece_at<Elements8>(to + element) = loaded(piece_at<const StoredPiece>(from + element), scale);
  }
}
