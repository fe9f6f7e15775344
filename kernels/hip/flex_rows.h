// The rows of FLEX_ATTENTION's kernels. A row is a query token and a query head of one KV head: row r of a
// sequence is token r / group, head r % group. A workgroup's four waves have 16 rows each, and a block is 32
// keys; lane 16 g + i of a wave has row i and keys 8 g ... 8 g + 7 of a block.
#pragma once

#include "flex_program.h"

constexpr int kWave = 64;
constexpr int kWaves = 4;
constexpr int kWorkItems = kWave * kWaves;
constexpr int kWaveRows = 16;
constexpr int kTileRows = kWaves * kWaveRows;
constexpr int kBlockKeys = 4 * kLaneKeys;

// What a wave makes of a block: it is of no account, its mask is evaluated, or all its rows see all its keys.
enum class BlockClass : Word { empty, partial, full };

// Sequence s begins at tile query_start_loc[s] * group / 64 + s, which leaves each room for a last, partly
// filled one.
struct Tile {
  Sequence sequence;
  int index;      // of the sequence
  int first_row;  // within the sequence
  int rows;       // that it has; 0: nothing is to do

  static __device__ Tile at(const int* query_start_loc, const int* seq_lens, int num_sequences, int group,
                            int tile) {
    int low = 0, high = num_sequences;
    while (low < high) {
      const int middle = (low + high) / 2;
      if (constant(query_start_loc)[middle] * group / kTileRows + middle <= tile) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    const int index = low - 1;
    const Sequence sequence = sequence_at(query_start_loc, seq_lens, index);
    const int first_row = (tile - sequence.first_query * group / kTileRows - index) * kTileRows;
    return {sequence, index, first_row, max(0, min(kTileRows, sequence.query_len * group - first_row))};
  }
};

// A lane's row. Behind the tile's last row it is that one, which is not stored.
struct LaneRow {
  bool exists;
  int token;  // of the sequence's queries
  RowInputs inputs;

  static __device__ LaneRow at(const Tile& tile, int wave, int lane, int group, int kv_head) {
    const int row = wave * kWaveRows + lane % kWaveRows;
    const uint32_t in_sequence = tile.first_row + min(row, tile.rows - 1);
    const int token = in_sequence / static_cast<uint32_t>(group);
    const int context = tile.sequence.seq_len - tile.sequence.query_len;
    const int head = kv_head * group + (in_sequence - token * group);
    return {row < tile.rows, token, {tile.index, head, kv_head, context, context + token}};
  }
};

// How a block's words lie: one for each wave of a tile, tile after tile, for each KV head or for all.
static inline __device__ int64_t block_class_at(int plane, int tile, int block, int tiles, int blocks) {
  return (static_cast<int64_t>(plane) * tiles + tile) * blocks + block;
}
