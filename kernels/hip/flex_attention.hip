// flex_attention: attention with a mask and a change of the scores, over a paged cache whose slots hold whole
// heads: [blocks, slots, heads, size], with any strides and any number of slots.
//
// A workgroup attends for 64 rows of one sequence and KV head. Its waves share blocks of 32 keys, which they
// stage in LDS: keys as they are, values transposed, so that the operands of both products are runs of 8
// elements. A wave multiplies K by the transposed Q and the transposed V by the transposed P: lane 16 g + i
// gets keys 8 g ... 8 g + 7 of row i, which is where the second product wants them.
//
// POLICY says where mask and score come from: "native" has causal masks, windows, soft caps and ALiBi, and
// knows which blocks they show; "interpreted" runs a program, and finds in `block_mask` what flex_block_mask
// has made of its mask: blocks without a key are not visited, and those that all rows see whole need no mask.
//
// Grid: (KV heads, tiles, segments). Decodes, whose sequences have one query token, may be split over their
// keys: each segment leaves what its rows' softmax has come to, which another kernel merges.
#include "flex_cache.h"
#include "flex_policy.h"

constexpr int kChunks = kSize / 32;        // steps of the first product
constexpr int kOutputs = kSize / kMatrix;  // matrices of the output
// Weights of a softmax are at most 1. In float16 they are multiplied by 2 to this power, so that small ones
// keep their bits: gfx90a's matrix unit takes denormal numbers for 0.
constexpr float kWeightExponent = kIsFloat16 ? 15.0f : 0.0f;

struct KernelArguments {
  const Element* query;  // [tokens, query heads, size]
  const Element* key_cache;
  const Element* value_cache;
  const int* block_table;  // [sequences, stride_table]
  const int* seq_lens;
  const int* query_start_loc;
  Element* output;     // [tokens, query heads, size]
  float* lse;          // [tokens, query heads], or null
  float* partial;      // [sequences, query heads, max_segments, size]
  float* partial_max;  // [sequences, query heads, max_segments]
  float* partial_sum;
  const Element* sinks;       // [query heads], or null
  const float* alibi_slopes;  // [query heads], or null; of the native policy
  const Word* program;        // of the others
  const Word* block_mask;     // [planes, mask_tiles, mask_blocks]
  float softmax_scale;
  float logits_soft_cap;  // 0: none
  int window;             // keys that a query sees, its own and those before it
  int ahead;              // keys behind its own that it sees too
  int mask_per_head;
  int mask_tiles;
  int mask_blocks;
  int segment_tokens;  // keys that a workgroup attends to: a whole number of blocks
  int max_segments;    // more than 1: of decodes, whose results are partial
  int num_sequences;
  int group;  // query heads of a KV head
  int num_heads;
  int head_size;
  int block_size;
  int stride_table;
  int stride_query_token;  // strides in elements
  int stride_query_head;
  int stride_output_token;
  int stride_output_head;
  int stride_block;  // of keys and values alike
  int stride_slot;
  int stride_head;
};

// Rounds weights to the nearest. On targets without an instruction for bfloat16 that takes a third of the
// time where NaN need not stay one: the sum of the row's weights keeps it.
template <typename Rounded>
static inline __device__ Rounded rounded(Floats8 weights) {
#ifndef __gfx950__
  if constexpr (__is_same(Rounded, Vector<__bf16, 8>)) {
    auto bits = __builtin_bit_cast(Vector<uint32_t, 8>, weights);
    bits += 0x7fff + (bits >> 16 & 1);
    const auto halves = __builtin_bit_cast(Vector<uint16_t, 16>, bits);
    return __builtin_bit_cast(Rounded, __builtin_shufflevector(halves, halves, 1, 3, 5, 7, 9, 11, 13, 15));
  }
#endif
  return __builtin_convertvector(weights, Rounded);
}

// The softmax of a lane's row so far. `largest` is the row's, `sum` of the lane's own keys.
struct Softmax {
  float largest = kLowest;
  float sum = 0.0f;
  Floats4 output[kOutputs] = {};

  // Takes scores in base 2 in, and gives their weights.
  __device__ Elements8 weigh(Floats8 scores) {
    float best = largest;
    for (int e = 0; e < kLaneKeys; e++) best = fmaxf(best, scores[e]);
    best = fmaxf(best, __shfl_xor(best, 16));
    best = fmaxf(best, __shfl_xor(best, 32));
    const float factor = __builtin_amdgcn_exp2f(largest - best);
    largest = best;
    if (__builtin_amdgcn_ballot_w64(factor != 1.0f) != 0) {
      sum *= factor;
      for (int n = 0; n < kOutputs; n++) output[n] *= factor;
    }
    const float shift = best - kWeightExponent;
    Floats8 weights;
    for (int e = 0; e < kLaneKeys; e++) weights[e] = __builtin_amdgcn_exp2f(scores[e] - shift);
    sum += ((weights[0] + weights[1]) + (weights[2] + weights[3])) +
           ((weights[4] + weights[5]) + (weights[6] + weights[7]));
    return rounded<Elements8>(weights);
  }
};

extern "C" __global__ __launch_bounds__(kWorkItems) void flex_attention(KernelArguments of) {
  const int kv_head = blockIdx.x;
  // From the last tile to the first: the longest rows of a causal sequence begin first.
  const int tile_index = gridDim.y - 1 - blockIdx.y;
  const Tile tile = Tile::at(of.query_start_loc, of.seq_lens, of.num_sequences, of.group, tile_index);
  if (tile.rows == 0) return;
  const int seq_len = tile.sequence.seq_len;
  const int segment = blockIdx.z, segment_blocks = of.segment_tokens / kBlockKeys;
  const int begin = segment * segment_blocks;
  const int blocks = min((seq_len + kBlockKeys - 1) / kBlockKeys, begin + segment_blocks);
  if (segment > 0 && begin >= blocks) return;
  const int item = threadIdx.x;
  const int wave = __builtin_amdgcn_readfirstlane(item / kWave);
  const int lane = item % kWave;
  const int i = lane % kMatrix, g = lane / kMatrix;
  const LaneRow row = LaneRow::at(tile, wave, lane, of.group, kv_head);

  const int64_t token = tile.sequence.first_query + row.token;
  const Element* query =
      of.query + token * of.stride_query_token + static_cast<int64_t>(row.inputs.head) * of.stride_query_head;
  Elements8 queries[kChunks];
  for (int chunk = 0; chunk < kChunks; chunk++) {
    const int element = 32 * chunk + kPiece * g;
    queries[chunk] = Cache::load(query + element, element < of.head_size);
  }

  const int64_t head = static_cast<int64_t>(kv_head) * of.stride_head;
  const uint32_t block_size = of.block_size;
  const Cache cache = {of.key_cache + head,
                       of.value_cache + head,
                       of.block_table + static_cast<int64_t>(tile.index) * of.stride_table,
                       of.stride_block,
                       of.stride_slot,
                       block_size,
                       0xffffffffu / block_size,
                       seq_len - 1,
                       of.head_size};
  Policy policy(of, tile, row, tile_index, kv_head, wave);

  __shared__ __attribute__((aligned(16))) Element staged[kStagedElements];
  Element* const staged_values = staged + kValueStart;
  Softmax softmax;
  // The places of a block's keys are looked up while the block before it is loaded, and that while the one
  // before it is computed: no load waits for another of the same round.
  Places places;
  Staged next;
  const Block behind = {blocks, 0};
  Block block = policy.first(begin, blocks);
  Block following = block.index < blocks ? policy.next(block, blocks) : behind;
  if (block.index < blocks) {
    places.find(cache, block.index, item);
    next.load(cache, places, item);
  }
  if (kLooksAhead && following.index < blocks) places.find(cache, following.index, item);
  while (block.index < blocks) {
    __syncthreads();
    next.store_keys(staged, item);
    if (!kTakeTurns) next.store_values(staged_values, item);
    __syncthreads();
    const Staged now = next;
    const Block after = following.index < blocks ? policy.next(following, blocks) : behind;
    if (!kLooksAhead && following.index < blocks) places.find(cache, following.index, item);
    if (following.index < blocks) next.load(cache, places, item);
    if (kLooksAhead && after.index < blocks) places.find(cache, after.index, item);

    const BlockClass found = policy.class_of(block, seq_len);
    Elements8 weights = {};
    if (found != BlockClass::empty) {
      Floats4 products[2] = {};
      for (int chunk = 0; chunk < kChunks; chunk++) {
        for (int step = 0; step < 2; step++) {
          const int key = 8 * (i / 4) + 4 * step + i % 4;
          const Elements8 keys = *(const Elements8*)(staged + key_piece(key, 4 * chunk + g));
          products[step] = multiply_add(keys, queries[chunk], products[step]);
        }
      }
      const int first_key = block.index * kBlockKeys + g * kLaneKeys;
      Floats8 scores = __builtin_shufflevector(products[0], products[1], 0, 1, 2, 3, 4, 5, 6, 7);
      scores = policy.score(first_key, scores * of.softmax_scale) * kLog2E;
      if (found == BlockClass::partial) {
        const Words8 seen = policy.sees(first_key);
        for (int e = 0; e < kLaneKeys; e++) {
          if (seen[e] == 0 || first_key + e >= seq_len) scores[e] = -__builtin_inff();
        }
      }
      weights = softmax.weigh(scores);
    }
    if (kTakeTurns) {
      __syncthreads();
      now.store_values(staged_values, item);
      __syncthreads();
    }
    if (found != BlockClass::empty) {
      for (int n = 0; n < kOutputs; n++) {
        const Elements8 values = *(const Elements8*)(staged_values + value_piece(kMatrix * n + i, g));
        softmax.output[n] = multiply_add(values, weights, softmax.output[n]);
      }
    }
    block = following;
    following = after;
  }

  float sum = softmax.sum;
  sum += __shfl_xor(sum, 16);
  sum += __shfl_xor(sum, 32);
  if (!row.exists) return;
  // Weights carry their factor of 2^kWeightExponent. A row that sees no key has the sum 0: its output is 0,
  // and its LSE the logarithm of 0.
  float largest = softmax.largest - kWeightExponent;
  if (of.max_segments > 1) {
    const int64_t sequence_head = static_cast<int64_t>(tile.index) * of.num_heads + row.inputs.head;
    const int64_t part = sequence_head * of.max_segments + segment;
    if (g == 0) {
      of.partial_max[part] = largest;
      of.partial_sum[part] = sum;
    }
    for (int n = 0; n < kOutputs; n++) {
      const int element = kMatrix * n + 4 * g;
      if (element < of.head_size) *(Floats4*)(of.partial + part * of.head_size + element) = softmax.output[n];
    }
    return;
  }
  float factor = 1.0f;
  if (of.sinks != nullptr) {
    const float sink = static_cast<float>(of.sinks[row.inputs.head]) * kLog2E;
    const float top = fmaxf(largest, sink);
    factor = __builtin_amdgcn_exp2f(largest - top);
    sum = sum * factor + __builtin_amdgcn_exp2f(sink - top);
    largest = top;
  }
  if (of.lse != nullptr && g == 0) {
    const float lse = (largest + __builtin_amdgcn_logf(sum)) / kLog2E;
    of.lse[token * of.num_heads + row.inputs.head] = sum == 0.0f ? -__builtin_inff() : lse;
  }
  factor = sum == 0.0f ? 0.0f : factor / sum;
  Element* to = of.output + token * of.stride_output_token +
                static_cast<int64_t>(row.inputs.head) * of.stride_output_head;
  for (int n = 0; n < kOutputs; n++) {
    const int element = kMatrix * n + 4 * g;
    if (element < of.head_size) {
      *(Elements4*)(to + element) = __builtin_convertvector(softmax.output[n] * factor, Elements4);
    }
  }
}
