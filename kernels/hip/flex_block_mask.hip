// flex_block_mask: evaluates a mask for blocks of 64 rows x 32 keys, into a word a block that has a byte for
// each wave of flex_attention: whether its 16 rows see none of the keys, some, or all.
//
// Grid: (tiles, planes, parts of the blocks). Once a step: the words serve all its layers.
#include "flex_rows.h"

struct KernelArguments {
  const int* seq_lens;
  const int* query_start_loc;
  const Word* program;
  Word* block_mask;  // [planes, tiles, blocks]
  int num_sequences;
  int group;  // query heads of a KV head
  int tiles;  // of the batch's largest step
  int blocks;
};

extern "C" __global__ __launch_bounds__(kWorkItems) void flex_block_mask(KernelArguments of) {
  const Tile tile = Tile::at(of.query_start_loc, of.seq_lens, of.num_sequences, of.group, blockIdx.x);
  if (tile.rows == 0) return;
  const int wave = __builtin_amdgcn_readfirstlane(threadIdx.x / kWave);
  const int lane = threadIdx.x % kWave;
  const LaneRow row = LaneRow::at(tile, wave, lane, of.group, blockIdx.y);
  const int seq_len = tile.sequence.seq_len;
  Program program(of.program);
  program.begin(row.inputs);

  uint8_t* const to =
      (uint8_t*)(of.block_mask + block_class_at(blockIdx.y, blockIdx.x, 0, of.tiles, of.blocks));
  const int blocks = (seq_len + kBlockKeys - 1) / kBlockKeys;
  for (int block = blockIdx.z; block < blocks; block += gridDim.z) {
    const int first = block * kBlockKeys + lane / kWaveRows * kLaneKeys;
    const Words8 seen = program.sees(first);
    bool any = false, all = true;
    for (int e = 0; e < kLaneKeys; e++) {
      const bool sees = seen[e] != 0 && first + e < seq_len;
      any |= sees;
      all &= sees;
    }
    const bool none = __builtin_amdgcn_ballot_w64(row.exists && any) == 0;
    const bool whole = __builtin_amdgcn_ballot_w64(row.exists && !all) == 0;
    const BlockClass found = none ? BlockClass::empty : whole ? BlockClass::full : BlockClass::partial;
    if (lane == 0) to[block * kWaves + wave] = static_cast<uint8_t>(found);
  }
}
