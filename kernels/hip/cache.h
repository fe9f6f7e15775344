// The parts that the kernels which write and read a paged cache have in common: elements as tensors have them
// and as the cache stores them, and where the layouts "split" and "shuffled" have them.
//
// Where STORED_FP8 or STORED_INT8 is defined the cache holds 8-bit floats or integers, which times a scale
// are the elements; else the elements themselves, whose bits are moved whatever they mean.
#pragma once

#include "int8.h"
#include "matrix.h"
#include "scales.h"

// Elements that a work-item moves at once: 16 bytes of a tensor.
constexpr int kPiece = 8;
constexpr int kWave = 64;
// A workgroup moves one head of 16 tokens: its first wave keys, its second values. Each wave takes four
// pieces of every token at a time.
constexpr int kTileTokens = 16;
constexpr int kTilePieces = kWave / kTileTokens;
constexpr int kWorkItems = 2 * kWave;

#if defined(STORED_FP8)
using Stored = Float8;
using StoredPiece = Float8s8;
constexpr int kGroup = 16;
constexpr float kLargest = kLargestFloat8;

static inline __device__ StoredPiece stored(Elements8 piece, float scale) {
  return to_float8(__builtin_convertvector(piece, Floats8) / scale);
}

static inline __device__ Elements8 loaded(StoredPiece piece, float scale) {
  return __builtin_convertvector(from_float8(piece) * scale, Elements8);
}
#elif defined(STORED_INT8)
using Stored = Int8;
using StoredPiece = Int8s8;
constexpr int kGroup = 16;
constexpr float kLargest = kLargestInt8;

static inline __device__ StoredPiece stored(Elements8 piece, float scale) {
  return round_to_int8(__builtin_convertvector(piece, Floats8) / scale);
}

static inline __device__ Elements8 loaded(StoredPiece piece, float scale) {
  return __builtin_convertvector(from_int8(piece) * scale, Elements8);
}
#else
using Stored = uint16_t;
using StoredPiece = Vector<uint16_t, kPiece>;
constexpr int kGroup = 8;
constexpr float kLargest = 1.0f;

static inline __device__ StoredPiece stored(Elements8 piece, float) {
  return __builtin_bit_cast(StoredPiece, piece);
}

static inline __device__ Elements8 loaded(StoredPiece piece, float) {
  return __builtin_bit_cast(Elements8, piece);
}
#endif

union StoredElements {
  StoredPiece piece;
  Stored elements[kPiece];
};

template <typename Piece, typename T>
static inline __device__ Piece& piece_at(T* pointer) {
  return *reinterpret_cast<Piece*>(pointer);
}

// A block of keys [heads, size / group, slots, group], of 16 bytes a group: where an element's group
// continues.
static inline __device__ int key_offset(int head, int element, int slot, int head_size, int block_size) {
  return ((head * head_size + element) / kGroup * block_size + slot) * kGroup + element % kGroup;
}

// A block of values [heads, slots / group, size, group]: the first of a head's elements; they are `group`
// apart. In the layout split all slots of a block are one group.
static inline __device__ int value_offset(int head, int slot, int head_size, int block_size, int group) {
  return (head * block_size + slot / group * group) * head_size + slot % group;
}

// Where a token is written: one without a slot, or with one that the cache does not have, nowhere.
struct Slot {
  bool is_there;
  uint32_t block;
  int in_block;
};

static inline __device__ Slot slot_of(const int64_t* slot_mapping, int token, int num_tokens, int block_size,
                                      int num_blocks) {
  const int64_t slot = token < num_tokens ? slot_mapping[token] : -1;
  const bool is_there = slot >= 0 && slot < int64_t{num_blocks} * block_size;
  // Fewer than 2^32 slots fit into the memory of any GPU.
  const uint32_t block = static_cast<uint32_t>(slot) / block_size;
  return {is_there, block, static_cast<int>(static_cast<uint32_t>(slot) - block * block_size)};
}

// The number in memory that is the scale of a token's head, where it has one.
static inline __device__ float& scale_at(float* scales, const Scales& of, Slot slot, int head,
                                         int block_size) {
  return scales[slot.block * stride_block(of) + head * block_size + slot.in_block];
}

// The scale with which a row of a token is stored whose lanes, 16 apart, hold pieces of it: it takes the
// row's largest element to the largest number of 8 bits. A row of zeros has the scale 1.
static inline __device__ float scale_of_row(const Element* row, int first, int step, int size) {
  float largest = 0.0f;
  for (int element = first; element < size; element += step) {
    const auto piece = __builtin_convertvector(piece_at<const Elements8>(row + element), Floats8);
    for (int i = 0; i < kPiece; i++) largest = fmaxf(largest, fabsf(piece[i]));
  }
  for (int lanes = kTileTokens; lanes < kWave; lanes *= 2)
    largest = fmaxf(largest, __shfl_xor(largest, lanes));
  const float scale = largest / kLargest;
  return scale == 0.0f ? 1.0f : scale;
}
