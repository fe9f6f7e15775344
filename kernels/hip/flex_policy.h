// Policies of flex_attention: which blocks of keys a tile visits, which keys a row sees, and what becomes of
// their scores. POLICY names the one that is compiled.
#pragma once

#include "flex_rows.h"
#include "matrix.h"

// A block of keys to visit, and what flex_block_mask says of it, a byte a wave: looked up once, long before
// it matters.
struct Block {
  int index;
  Word classes;
};

// Causal masks and windows, soft caps and ALiBi.
class NativePolicy {
 public:
  template <typename Arguments>
  __device__ NativePolicy(const Arguments& of, const Tile& tile, const LaneRow& row, int, int, int wave)
      : query_(row.inputs.query), window_(of.window), ahead_(of.ahead), soft_cap_(of.logits_soft_cap) {
    slope_ = of.alibi_slopes == nullptr ? 0.0f : of.alibi_slopes[row.inputs.head];
    const int context = tile.sequence.seq_len - tile.sequence.query_len;
    const auto query_of = [&](int r) { return context + (tile.first_row + r) / of.group; };
    first_of_tile_ = query_of(0);
    last_of_tile_ = query_of(tile.rows - 1);
    first_ = query_of(min(wave * kWaveRows, tile.rows - 1));
    last_ = query_of(min(wave * kWaveRows + kWaveRows - 1, tile.rows - 1));
    exists_ = wave * kWaveRows < tile.rows;
  }

  __device__ Block first(int begin, int) const {
    return {max(begin, max(0, first_of_tile_ - (window_ - 1)) / kBlockKeys), 0};
  }
  __device__ Block next(Block block, int blocks) const {
    const bool is_last = (block.index + 1) * kBlockKeys - last_of_tile_ > ahead_;
    return {is_last ? blocks : block.index + 1, 0};
  }

  __device__ BlockClass class_of(Block block, int seq_len) const {
    const int begin = block.index * kBlockKeys, last = begin + kBlockKeys - 1;
    if (!exists_ || begin - last_ > ahead_ || first_ - last >= window_) return BlockClass::empty;
    const bool whole = last < seq_len && last - first_ <= ahead_ && last_ - begin < window_;
    return whole ? BlockClass::full : BlockClass::partial;
  }

  __device__ Words8 sees(int first_key) const {
    Words8 seen;
    for (int e = 0; e < kLaneKeys; e++) {
      const int distance = query_ - first_key - e;
      seen[e] = distance < window_ && distance >= -ahead_;
    }
    return seen;
  }

  __device__ Floats8 score(int first_key, Floats8 scores) const {
    if (soft_cap_ != 0.0f) {
      for (int e = 0; e < kLaneKeys; e++) scores[e] = soft_cap_ * tanh_of(scores[e] / soft_cap_);
    }
    for (int e = 0; e < kLaneKeys; e++) scores[e] -= slope_ * abs(first_key + e - query_);
    return scores;
  }

 private:
  int query_;
  int window_;
  int ahead_;
  bool exists_;
  float soft_cap_;
  float slope_;
  int first_of_tile_, last_of_tile_;  // positions of queries
  int first_, last_;                  // of the wave's
};

// A program, interpreted or generated, with the classes of its blocks.
template <typename AnyProgram>
class ProgramPolicy {
 public:
  template <typename Arguments>
  __device__ ProgramPolicy(const Arguments& of, const Tile&, const LaneRow& row, int tile, int kv_head,
                           int wave)
      : program_(of.program), wave_(wave) {
    const int plane = of.mask_per_head != 0 ? kv_head : 0;
    classes_ = constant(of.block_mask) + block_class_at(plane, tile, 0, of.mask_tiles, of.mask_blocks);
    program_.begin(row.inputs);
  }

  __device__ Block first(int begin, int blocks) const { return next({begin - 1, 0}, blocks); }
  __device__ Block next(Block block, int blocks) const {
    do {
      block.index++;
      block.classes = block.index < blocks ? classes_[block.index] : 0;
    } while (block.index < blocks && block.classes == 0);
    return block;
  }
  __device__ BlockClass class_of(Block block, int) const {
    return static_cast<BlockClass>(block.classes >> (8 * wave_) & 0xff);
  }
  __device__ Words8 sees(int first_key) { return program_.sees(first_key); }
  __device__ Floats8 score(int first_key, Floats8 scores) { return program_.score(first_key, scores); }

 private:
  AnyProgram program_;
  Constant<Word>* classes_;
  int wave_;
};

using policy_native = NativePolicy;
using policy_interpreted = ProgramPolicy<Program>;
#ifdef FLEX_PROGRAM  // the file that lib/flex/source.ts has printed
#include FLEX_PROGRAM
using policy_generated = ProgramPolicy<GeneratedProgram>;
#endif
using Policy = PASTE(policy_, POLICY);
