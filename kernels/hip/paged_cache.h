// A paged cache as paged_attention reads it. LAYOUT says which layout is compiled; x elements are 16 bytes.
//
//     split         keys [blocks, heads, size / x, slots, x]   values [blocks, heads, size, slots]
//     shuffled      keys as in split                           values [blocks, heads, slots / x, size, x]
//     token_major   keys and values [blocks, slots, heads, size], in any order of slots and heads
//
// A wave's tile is 4 x keys. Lane 16 g + i holds of it what the matrix products want as their left operands:
//
//     keys     x elements, from x (4 chunk + g) on, of key x (i / 4) + 4 step + i % 4
//     values   x keys, from x g on, of the element in row i of matrix n
//
// so that the keys of a step are four in succession out of every x:
//
//     keys of the tile, x = 8    0 1 2 3 | 4 5 6 7 | 8 9 10 11 | 12 13 14 15 | 16 ...
//     step                       0         1         0           1             0
//     i / 4 of the lanes         0         0         1           1             2
//
// Where a value's keys lie apart, in token_major, a lane loads a run of elements of each of its x keys and
// transposes them in registers. Its matrices then take the elements of a run in turn: see `element_of`.
#pragma once

#include "int8.h"
#include "paged.h"
#include "scales.h"

enum class Layout { split, shuffled, token_major };
constexpr Layout kLayout = Layout::LAYOUT;
constexpr bool kIsTokenMajor = kLayout == Layout::token_major;

using stored_as_auto = Element;
using stored_as_fp8 = Float8;
using stored_as_int8 = Int8;
using Stored = PASTE(stored_as_, CACHE);
constexpr bool kIsFloat8Cache = __is_same(Stored, Float8);

constexpr int kSize = HEAD_SIZE;
constexpr int kTogether = 16 / sizeof(Stored);        // x
constexpr int kTile = 4 * kTogether;                  // keys of a wave's tile, elements of a chunk
constexpr int kSteps = kTogether / 4;                 // of 16 keys
constexpr int kPairs = kSteps / 2;                    // of steps, for one product of values
constexpr int kPieces = kTile / kSlots;               // which may lie in different blocks
constexpr int kChunks = (kSize + kTile - 1) / kTile;  // of a key
constexpr int kOutputs = kSize / kMatrix;             // matrices of values
// Elements of a key's value that a lane of token_major loads at once.
constexpr int kRun = !kIsTokenMajor ? 1 : kOutputs < kTogether ? kOutputs : kTogether;

using Stored16Bytes = Vector<Stored, kTogether>;
constexpr int kStoredBits = 8 * sizeof(Stored);
constexpr uint32_t kStoredMask = (1u << kStoredBits) - 1;

// The scales of the x keys of a tile whose scores a lane holds, and of their values, where tokens have their
// own.
#ifdef PER_TOKEN
struct TokenScales {
  Floats4 of[kSteps];

  __device__ Floats4 step(int step) const { return of[step]; }
  __device__ Floats8 pair(int pair) const {
    return __builtin_shufflevector(of[2 * pair], of[2 * pair + 1], 0, 1, 2, 3, 4, 5, 6, 7);
  }
  __device__ void load(const float* from) {
    for (int step = 0; step < kSteps; step++) of[step] = *(const Floats4*)(from + 4 * step);
  }
  // Makes those of keys outside [begin, end) 0.
  __device__ void clear(int first_key, int begin, int end) {
    for (int key = 0; key < kTogether; key++) {
      const bool is_seen = first_key + key >= begin && first_key + key < end;
      of[key / 4][key % 4] = is_seen ? of[key / 4][key % 4] : 0.0f;
    }
  }
};
#else
struct TokenScales {
  __device__ float step(int) const { return 1.0f; }
  __device__ float pair(int) const { return 1.0f; }
  __device__ void load(const float*) {}
  __device__ void clear(int, int, int) {}
};
#endif

// A lane's part of a tile.
struct Keys {
  Stored16Bytes of[kSteps][kChunks];
  TokenScales scales;
};
struct Values {
  Stored16Bytes of[kOutputs];
  TokenScales scales;
};

// The element of a head in row `row` of matrix n of the values.
static inline __device__ int element_of(int n, int row) {
  return n / kRun * kMatrix * kRun + row * kRun + n % kRun;
}

// Divides by a number that all lanes share, without dividing: exact where dividend times number is below
// 2^32.
struct Divisor {
  uint32_t number;
  uint32_t reciprocal;
  __device__ explicit Divisor(uint32_t n) : number(n), reciprocal(0xffffffffu / n + 1) {}
  __device__ uint32_t divide(uint32_t x) const { return number == 1 ? x : __umulhi(x, reciprocal); }
};

// The cache as one sequence and KV head find it.
struct Cache {
  const Stored* keys;
  const Stored* values;
  Constant<int>* table;
  int64_t stride_key_block;  // strides in elements
  int64_t stride_value_block;
  int stride_slot;  // of token_major
  Divisor pieces_per_block;
  int block_size;
  int last_piece;  // of the segment
  const float* key_scales;
  const float* value_scales;
  int64_t stride_scale_block;

  __device__ Keys load_keys(int tile, int lane) const {
    const int i = lane % kMatrix, g = lane / kMatrix;
    const auto [block, slot] = find(tile, i / 4);
    const int stride = kIsTokenMajor ? stride_slot : kTogether;
    const int stride_piece = kIsTokenMajor ? kTogether : block_size * kTogether;
    const Stored* from = keys + block * stride_key_block + (slot + i % 4) * stride;
    Keys loaded;
    for (int chunk = 0; chunk < kChunks; chunk++) {
      // Lanes behind the head's end read its last elements again; queries are 0 there.
      const int piece = min(4 * chunk + g, kSize / kTogether - 1);
      for (int step = 0; step < kSteps; step++) {
        loaded.of[step][chunk] = *(const Stored16Bytes*)(from + piece * stride_piece + 4 * step * stride);
      }
    }
    load_scales(loaded.scales, key_scales, tile, g);
    return loaded;
  }

  __device__ Values load_values(int tile, int lane) const {
    const int i = lane % kMatrix, g = lane / kMatrix;
    const auto [block, slot] = find(tile, g);
    const Stored* from = values + block * stride_value_block;
    Values loaded;
    load_scales(loaded.scales, value_scales, tile, g);
    if constexpr (kIsTokenMajor) {
      using Run = Vector<Stored, kRun>;
      from += slot * stride_slot + i * kRun;
      for (int first = 0; first < kOutputs; first += kRun) {
        Run runs[kTogether];
        for (int key = 0; key < kTogether; key++) {
          runs[key] = *(const Run*)(from + key * stride_slot + first * kMatrix);
        }
        for (int n = 0; n < kRun; n++) {
          for (int key = 0; key < kTogether; key++) loaded.of[first + n][key] = runs[key][n];
        }
      }
    } else {
      const int stride = kLayout == Layout::split ? block_size : kTogether;
      from += (kLayout == Layout::split ? slot : slot * kSize) + i * stride;
      for (int n = 0; n < kOutputs; n++) loaded.of[n] = *(const Stored16Bytes*)(from + n * kMatrix * stride);
    }
    return loaded;
  }

 private:
  __device__ void load_scales(TokenScales& scales, const float* from, int tile, int g) const {
    if (!kIsPerToken) return;
    const auto [block, slot] = find(tile, g);
    scales.load(from + block * stride_scale_block + slot);
  }

  struct Place {
    int64_t block;
    int slot;
  };
  // Where x keys of a tile lie, from key x `part` of it on: past the sequence's end, in its last piece, which
  // is masked there.
  __device__ Place find(int tile, int part) const {
    int block = 0, slot = 0;
    for (int piece = 0; piece < kPieces; piece++) {
      const uint32_t inside = min(tile / kSlots + piece, last_piece);
      const uint32_t entry = pieces_per_block.divide(inside);
      const bool is_here = piece == 0 || part * kTogether / kSlots >= piece;
      block = is_here ? table[entry] : block;
      slot = is_here ? (inside - entry * pieces_per_block.number) * kSlots : slot;
    }
    return {block, slot + part * kTogether % kSlots};
  }
};

// Zeroes the values of keys outside [begin, end), which no row sees: an unused slot may hold NaN, and no
// weight of 0 takes that away.
static inline __device__ void clear_values(Values& values, int first_key, int begin, int end) {
  using Words = Vector<uint32_t, 4>;
  Words mask;
  for (int word = 0; word < 4; word++) {
    mask[word] = 0;
    for (int key = word * kTogether / 4; key < (word + 1) * kTogether / 4; key++) {
      const bool is_seen = first_key + key >= begin && first_key + key < end;
      mask[word] |= is_seen ? kStoredMask << key * kStoredBits % 32 : 0;
    }
  }
  for (int n = 0; n < kOutputs; n++) {
    values.of[n] = __builtin_bit_cast(Stored16Bytes, __builtin_bit_cast(Words, values.of[n]) & mask);
  }
  values.scales.clear(first_key, begin, end);
}
