// A paged cache whose slots hold whole heads, as flex_attention stages blocks of its keys and values in LDS.
#pragma once

#include "flex_rows.h"
#include "matrix.h"

constexpr int kSize = HEAD_SIZE;
constexpr int kPiece = 8;                // elements that a work-item moves at once
constexpr int kPieces = kSize / kPiece;  // of a head
constexpr int kKeyElements = kBlockKeys * kSize;
constexpr int kValueElements = kSize * kBlockKeys;
// Keys and values take turns where both do not fit.
constexpr bool kTakeTurns = (kKeyElements + kValueElements) * sizeof(Element) > 61440;
// Places are looked up a block ahead where registers suffice.
constexpr bool kLooksAhead = !kTakeTurns;
constexpr int kStagedElements = kTakeTurns ? (kKeyElements > kValueElements ? kKeyElements : kValueElements)
                                           : kKeyElements + kValueElements;
constexpr int kValueStart = kTakeTurns ? 0 : kKeyElements;
constexpr int kKeyLoads = kBlockKeys * kPieces / kWorkItems;
constexpr int kValuePairs = kBlockKeys / 2 * kPieces;
constexpr int kValueLoads = (kValuePairs + kWorkItems - 1) / kWorkItems;

// Where pieces of keys [key][element] and of transposed values [element][key] lie in LDS. LDS serves lanes 0
// to 3 together with lanes 20 to 23, and so on: four rows of one piece, and four others of the next. These
// are to lie in different banks.
static_assert(kPieces % 8 == 0 && kBlockKeys / kPiece == 4);
static inline __device__ int key_piece(int key, int piece) {
  return key * kSize + (piece ^ (key & 3) << 1) * kPiece;
}
static inline __device__ int value_piece(int element, int piece) {
  return element * kBlockKeys + (piece ^ (element & 2)) * kPiece;
}

// The cache as one sequence and KV head find it.
struct Cache {
  const Element* keys;
  const Element* values;
  const int* table;
  int64_t stride_block;
  int stride_slot;
  uint32_t block_size;
  uint32_t reciprocal;  // of the block size, times 2^32
  int last_key;
  int head_size;

  // A key's place: behind the end that of the last key, whose weight is 0. Its block has to be waited for.
  struct Place {
    int block;
    uint32_t slot;
  };
  __device__ Place find(int key) const {
    const uint32_t inside = min(key, last_key);
    uint32_t block = __umulhi(inside, reciprocal);
    if (inside - block * block_size >= block_size) block++;
    return {table[block], inside - block * block_size};
  }
  __device__ int64_t offset(Place of) const {
    return of.block * stride_block + static_cast<int64_t>(of.slot) * stride_slot;
  }

  static __device__ Elements8 load(const Element* from, bool exists) {
    return exists ? *(const Elements8*)from : Elements8{};
  }
};

// Where a work-item's part of a block's keys and values lies.
struct Places {
  Cache::Place keys[kKeyLoads];
  Cache::Place values[kValueLoads][2];

  __device__ void find(const Cache& cache, int block, int item) {
    const int first = block * kBlockKeys;
    for (int n = 0; n < kKeyLoads; n++) keys[n] = cache.find(first + (item + n * kWorkItems) / kPieces);
    for (int n = 0; n < kValueLoads; n++) {
      const int pair = (item + n * kWorkItems) % (kBlockKeys / 2);
      for (int second = 0; second < 2; second++) values[n][second] = cache.find(first + 2 * pair + second);
    }
  }
};

// A block's keys and values on their way to LDS.
struct Staged {
  Elements8 keys[kKeyLoads];
  Elements8 values[kValueLoads][2];

  __device__ void load(const Cache& cache, const Places& places, int item) {
    for (int n = 0; n < kKeyLoads; n++) {
      const int element = (item + n * kWorkItems) % kPieces * kPiece;
      keys[n] = Cache::load(cache.keys + cache.offset(places.keys[n]) + element, element < cache.head_size);
    }
    for (int n = 0; n < kValueLoads; n++) {
      const int element = (item + n * kWorkItems) / (kBlockKeys / 2) * kPiece;
      for (int second = 0; second < 2; second++) {
        const int64_t offset = cache.offset(places.values[n][second]);
        values[n][second] = Cache::load(cache.values + offset + element, element < cache.head_size);
      }
    }
  }

  __device__ void store_keys(Element* to, int item) const {
    for (int n = 0; n < kKeyLoads; n++) {
      const int at = item + n * kWorkItems;
      *(Elements8*)(to + key_piece(at / kPieces, at % kPieces)) = keys[n];
    }
  }

  __device__ void store_values(Element* to, int item) const {
    using Pair = Vector<Element, 2>;
    for (int n = 0; n < kValueLoads; n++) {
      const int at = item + n * kWorkItems;
      if (kValuePairs % kWorkItems != 0 && at >= kValuePairs) return;
      const int element = at / (kBlockKeys / 2) * kPiece, key = at % (kBlockKeys / 2) * 2;
      for (int e = 0; e < kPiece; e++) {
        Element* place = to + value_piece(element + e, key / kPiece) + key % kPiece;
        *(Pair*)place = Pair{values[n][0][e], values[n][1][e]};
      }
    }
  }
};
