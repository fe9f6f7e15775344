// paged_attention: decode over a paged cache of layout "split", for sequences with one or a few query tokens.
//
//     keys    [blocks, heads, size / 8, slots, 8]
//     values  [blocks, heads, size, slots]
//
// A workgroup attends to one segment of a sequence's keys for 16 rows: query tokens x the query heads of one
// KV head. Its four waves take 32 keys each in turn, each with a softmax of its own, and are merged at the
// end through LDS. The result is partial: fp32, with its maximum and sum, for paged_attention_reduce.
//
// How a wave computes 32 keys x 16 rows. It multiplies K by the transposed Q, and the transposed V by the
// transposed P, so that its rows are always the columns of a matrix, one for each i of lane 16 g + i:
//
//     scores^T = K Q^T          the lane gets key 4 g + j of row i        (j = 0 ... 3)
//     output^T += V^T P^T       the lane gives key 4 g + j of row i
//
// are the same places: what the softmax makes of the scores in a lane's registers is the operand of the
// second product as it stands, and maxima, sums and the output's scaling are of the lane's own row.
//
// All loads are of 16 bytes. A lane's 8 values of one element of the head are 8 keys in succession, of which
// the two products of 16 keys (step s = 0, 1) take 4 each. So key 4 g + j of step s is key 8 g + 4 s + j of
// the tile, and the keys follow:
//
//     keys of the tile   0 1 2 3 | 4 5 6 7 | 8 9 10 11 | 12 13 14 15 | 16 ...
//     step               s = 0     s = 1     s = 0       s = 1         s = 0
//     lanes' group       g = 0     g = 0     g = 1       g = 1         g = 2
//
// Likewise a lane's 8 elements of one key, or of one query row, are elements 8 g ... 8 g + 7 of 32, and two
// products of 16 elements take 4 each. A tile is two pieces of 16 slots, which may lie in different blocks:
// lanes with g < 2 have their values in the first, and lanes with i < 8 their keys.
#include "matrix.h"
#include "paged.h"

struct KernelArguments {
  const Element* query;  // [tokens, query heads, size]
  const Element* key_cache;
  const Element* value_cache;
  const int* block_table;  // [sequences, stride_table]
  const int* seq_lens;
  const int* query_start_loc;
  const float* alibi_slopes;  // [query heads], or null
  float* partial;             // [sequences, query_tokens, query heads, max_segments, size]
  float* partial_max;         // without size; in base 2
  float* partial_sum;
  float scale;     // to base 2
  float soft_cap;  // to base 2; 0: none
  int window;      // keys that a query sees, its own among them
  int segment_tokens;
  int max_segments;
  int query_tokens;  // of a sequence at most: those with more are left out
  int group;         // query heads of a KV head
  int num_heads;
  int block_size;
  int stride_table;
  int stride_query_token;  // strides in elements
  int stride_query_head;
  int stride_key_block;
  int stride_value_block;
};

constexpr int kSize = HEAD_SIZE;
constexpr int kWaves = 4;
constexpr int kWave = 64;
constexpr int kRows = kMatrix;
constexpr int kTile = kStep / kWaves;
constexpr int kChunks = kSize / 32;        // of a key: 8 elements a lane
constexpr int kOutputs = kSize / kMatrix;  // matrices of the output
constexpr int kSlots = 16;                 // of a piece: blocks are whole ones
// Waves that a SIMD must have room for: the keys of the next tile are under way while one is computed.
constexpr int kWavesPerSimd = kSize <= 128 ? 2 : 1;

// A lane's part of a tile.
struct Keys {
  Elements8 of[2][kChunks];
};
struct Values {
  Elements8 of[kOutputs];
};

// Divides by a number that all lanes share, without dividing: exact for dividends below 2^16.
struct Divisor {
  uint32_t number;
  uint32_t reciprocal;
  __device__ explicit Divisor(uint32_t n) : number(n), reciprocal(0xffffffffu / n + 1) {}
  __device__ uint32_t divide(uint32_t x) const { return number == 1 ? x : __umulhi(x, reciprocal); }
};

// The cache as one sequence and KV head find it.
struct Cache {
  const Element* keys;
  const Element* values;
  Constant<int>* table;
  int64_t stride_key_block;
  int64_t stride_value_block;
  Divisor pieces_per_block;
  int block_size;
  int last_piece;

  // Where the 16 slots from key 16 * piece lie: past the end, those of the last piece, which is masked there.
  struct Place {
    const Element* keys;
    const Element* values;
  };
  __device__ Place place(int piece) const {
    const uint32_t inside = min(piece, last_piece);
    const uint32_t block = pieces_per_block.divide(inside);
    const int slot = (inside - block * pieces_per_block.number) * kSlots;
    const int64_t physical = table[block];
    return {keys + physical * stride_key_block + slot * 8, values + physical * stride_value_block + slot};
  }

  __device__ Keys load_keys(int tile, int lane) const {
    const auto [first, second] = pair(tile);
    const int i = lane % kMatrix;
    const Element* from = (i < 8 ? first.keys : second.keys) + (i / 4 % 2 * 8 + i % 4) * 8;
    from += lane / kMatrix * block_size * 8;
    Keys loaded;
    for (int chunk = 0; chunk < kChunks; chunk++) {
      for (int step = 0; step < 2; step++) {
        loaded.of[step][chunk] = *(const Elements8*)(from + (4 * chunk * block_size + 4 * step) * 8);
      }
    }
    return loaded;
  }

  __device__ Values load_values(int tile, int lane) const {
    const auto [first, second] = pair(tile);
    const int g = lane / kMatrix;
    const Element* from = (g < 2 ? first.values : second.values) + g % 2 * 8 + lane % kMatrix * block_size;
    Values loaded;
    for (int n = 0; n < kOutputs; n++) loaded.of[n] = *(const Elements8*)(from + n * kMatrix * block_size);
    return loaded;
  }

 private:
  struct Pair {
    Place first, second;
  };
  __device__ Pair pair(int tile) const { return {place(tile / kSlots), place(tile / kSlots + 1)}; }
};

// Zeroes the values of keys outside [begin, end), which no row sees: an unused slot may hold NaN, and no
// weight of 0 takes that away.
static inline __device__ void clear_values(Values& values, int first_key, int begin, int end) {
  using Words8 = Vector<uint16_t, 8>;
  Words8 mask;
  for (int e = 0; e < 8; e++) mask[e] = first_key + e >= begin && first_key + e < end ? 0xffff : 0;
  for (int n = 0; n < kOutputs; n++) {
    values.of[n] = __builtin_bit_cast(Elements8, __builtin_bit_cast(Words8, values.of[n]) & mask);
  }
}

// The softmax of a lane's row so far. `largest` is the row's, `sum` of the lane's own keys, `output` of all
// keys.
struct Softmax {
  float largest = kLowest;
  float sum = 0.0f;
  Floats4 output[kOutputs] = {};

  // Goes over to a larger maximum.
  __device__ float raise(float to) {
    const float factor = __builtin_amdgcn_exp2f(largest - to);
    largest = to;
    sum *= factor;
    if (__builtin_amdgcn_ballot_w64(factor != 1.0f) != 0) {
      for (int n = 0; n < kOutputs; n++) output[n] *= factor;
    }
    return factor;
  }

  __device__ void add(const Floats4 (&scores)[2], const Values& values) {
    float best = largest;
    for (int step = 0; step < 2; step++) {
      for (int j = 0; j < 4; j++) best = fmaxf(best, scores[step][j]);
    }
    best = fmaxf(best, __shfl_xor(best, 16));
    best = fmaxf(best, __shfl_xor(best, 32));
    raise(best);
    const float shift = largest - kWeightExponent;
    for (int step = 0; step < 2; step++) {
      Floats4 weights;
      for (int j = 0; j < 4; j++) weights[j] = __builtin_amdgcn_exp2f(scores[step][j] - shift);
      sum += (weights[0] + weights[1]) + (weights[2] + weights[3]);
      const Elements4 rounded = __builtin_convertvector(weights, Elements4);
      for (int n = 0; n < kOutputs; n++) {
        output[n] = multiply_add(half_of(values.of[n], step), rounded, output[n]);
      }
    }
  }
};

// Merges the waves' results into that of wave 0, the upper half of them into the lower in each round.
static inline __device__ void merge_waves(Softmax& own, int wave, int lane) {
  __shared__ Floats4 outputs[kWaves / 2][kOutputs][kWave];
  __shared__ float largest[kWaves / 2][kWave], sums[kWaves / 2][kWave];
  for (int half = kWaves / 2; half > 0; half /= 2) {
    if (wave >= half && wave < 2 * half) {
      for (int n = 0; n < kOutputs; n++) outputs[wave - half][n][lane] = own.output[n];
      largest[wave - half][lane] = own.largest;
      sums[wave - half][lane] = own.sum;
    }
    __syncthreads();
    if (wave < half) {
      const float other = largest[wave][lane];
      own.raise(fmaxf(own.largest, other));
      const float factor = __builtin_amdgcn_exp2f(other - own.largest);
      own.sum += factor * sums[wave][lane];
      for (int n = 0; n < kOutputs; n++) own.output[n] += factor * outputs[wave][n][lane];
    }
    __syncthreads();
  }
}

extern "C" __global__ __launch_bounds__(kWaves* kWave,
                                        kWavesPerSimd) void paged_attention(KernelArguments of) {
  // The workgroup's part: KV head, sequence, rows, segment.
  const int kv_head = blockIdx.x;
  const int row_tiles = (of.group * of.query_tokens + kRows - 1) / kRows;
  const int index = blockIdx.y / row_tiles;
  const int first_row = blockIdx.y % row_tiles * kRows;
  const int segment = blockIdx.z;
  const Sequence sequence = sequence_at(of.query_start_loc, of.seq_lens, index);
  const int rows = sequence.query_len * of.group;
  if (sequence.query_len > of.query_tokens || first_row >= rows) return;
  const int begin = first_key(sequence, of.window) + segment * of.segment_tokens;
  const int end = min(begin + of.segment_tokens, sequence.seq_len);
  if (begin >= end) return;

  // The lane's row: query token and head. Those beyond the last do its work again, and are not stored.
  const int wave = __builtin_amdgcn_readfirstlane(threadIdx.x / kWave);
  const int lane = threadIdx.x % kWave;
  const int g = lane / kMatrix;
  const int row = min(first_row + lane % kMatrix, rows - 1);
  const int token = row / of.group;
  const int head = kv_head * of.group + row % of.group;
  const int context = sequence.seq_len - sequence.query_len;
  const int position = context + token;

  const Element* query = of.query +
                         static_cast<int64_t>(sequence.first_query + token) * of.stride_query_token +
                         static_cast<int64_t>(head) * of.stride_query_head + 8 * g;
  Elements8 queries[kChunks];
  for (int chunk = 0; chunk < kChunks; chunk++) queries[chunk] = *(const Elements8*)(query + 32 * chunk);
  const float slope = of.alibi_slopes == nullptr ? 0.0f : of.alibi_slopes[head] * kLog2E;

  const int64_t in_block = static_cast<int64_t>(kv_head) * kSize * of.block_size;
  const Cache cache{of.key_cache + in_block,
                    of.value_cache + in_block,
                    constant(of.block_table) + static_cast<int64_t>(index) * of.stride_table,
                    of.stride_key_block,
                    of.stride_value_block,
                    Divisor(of.block_size / kSlots),
                    of.block_size,
                    (sequence.seq_len - 1) / kSlots};

  // Keys that every row of the tile sees, so that nothing is to be masked.
  const int last_token = min((first_row + kRows - 1) / of.group, sequence.query_len - 1);
  const int seen_by_all_to = context + first_row / of.group + 1;
  const int seen_by_all_from = context + last_token - of.window + 1;
  // The first key that any of them sees.
  const int seen_from = seen_by_all_to - of.window;

  Softmax softmax;
  int tile = begin + wave * kTile;
  Keys keys = {};
  if (tile < end) keys = cache.load_keys(tile, lane);
  for (; tile < end; tile += kStep) {
    Values values = cache.load_values(tile, lane);
    Keys next = keys;
    if (tile + kStep < end) next = cache.load_keys(tile + kStep, lane);

    Floats4 scores[2];
    for (int step = 0; step < 2; step++) {
      scores[step] = Floats4{};
      for (int chunk = 0; chunk < kChunks; chunk++) {
        for (int half = 0; half < 2; half++) {
          scores[step] =
              multiply_add(half_of(keys.of[step][chunk], half), half_of(queries[chunk], half), scores[step]);
        }
      }
      scores[step] *= of.scale;
    }
    if (of.soft_cap != 0.0f) {  // cap * tanh(score / cap)
      const float factor = 2.0f * kLog2E / of.soft_cap;
      for (int step = 0; step < 2; step++) {
        for (int j = 0; j < 4; j++) {
          const float exponential = __builtin_amdgcn_exp2f(scores[step][j] * factor);
          scores[step][j] = of.soft_cap * (1.0f - 2.0f * __builtin_amdgcn_rcpf(1.0f + exponential));
        }
      }
    }
    const int lane_key = tile + 8 * g;
    if (of.alibi_slopes != nullptr) {
      for (int step = 0; step < 2; step++) {
        for (int j = 0; j < 4; j++) scores[step][j] += slope * (lane_key + 4 * step + j - position);
      }
    }
    if (tile + kTile > seen_by_all_to || tile < seen_by_all_from) {
      for (int step = 0; step < 2; step++) {
        for (int j = 0; j < 4; j++) {
          const int key = lane_key + 4 * step + j;
          if (key > position || position - key >= of.window) scores[step][j] = -__builtin_inff();
        }
      }
      clear_values(values, lane_key, seen_from, sequence.seq_len);
    }
    softmax.add(scores, values);
    keys = next;
  }

  merge_waves(softmax, wave, lane);
  if (wave > 0 || first_row + lane % kMatrix >= rows) return;
  softmax.sum += __shfl_xor(softmax.sum, 16);
  softmax.sum += __shfl_xor(softmax.sum, 32);
  const int64_t at =
      (static_cast<int64_t>(index * of.query_tokens + token) * of.num_heads + head) * of.max_segments +
      segment;
  for (int n = 0; n < kOutputs; n++) {
    *(Floats4*)(of.partial + at * kSize + n * kMatrix + 4 * g) = softmax.output[n];
  }
  if (g == 0) {
    of.partial_max[at] = softmax.largest;
    of.partial_sum[at] = softmax.sum;
  }
}
