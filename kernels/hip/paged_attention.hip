// paged_attention: decode over a paged cache, for sequences with one or a few query tokens.
//
// A workgroup attends to one segment of a sequence's keys for ROWS rows: query tokens x the query heads of
// one KV head. Its four waves take a tile of keys each in turn, each with a softmax of its own, and are
// merged at the end through LDS. Where the segment is the sequence's only one the result is the output; else
// it is partial: fp32, with its maximum and sum, for paged_attention_reduce.
//
// How a wave computes a tile for 16 rows. It multiplies K by the transposed Q, and the transposed V by the
// transposed P, so that its rows are always the columns of a matrix, one for each i of lane 16 g + i:
//
//     scores^T = K Q^T          step s gives the lane of row i keys     x g + 4 s + j       (j = 0 ... 3)
//     output^T += V^T P^T       pair p wants of the lane of row i keys  x g + 8 p ... x g + 8 p + 7
//
// Those are the keys of steps 2 p and 2 p + 1, by the order of keys in paged_cache.h (x = 8, or 16 in fp8):
// what the softmax makes of the scores in a lane's registers is the operand of the second product as it
// stands, and maxima, sums and the output's scaling are of the lane's own row. Drawn for x = 8:
//
//                    lanes g = 0       g = 1         g = 2           g = 3
//     scores, s = 0  keys  0 1 2 3     8 9 10 11     16 17 18 19     24 25 26 27
//     scores, s = 1  keys  4 5 6 7     12 ... 15     20 ... 23       28 ... 31
//     P^T            keys  0 ... 7     8 ... 15      16 ... 23       24 ... 31
//     V^T            keys  0 ... 7     8 ... 15      16 ... 23       24 ... 31      in 16 bytes of a load
//
// A cache of 8 bits is widened in registers, exactly; where each token has a scale, values are rounded to
// elements times theirs. With PRODUCTS in fp8 it is multiplied as it is: queries are
// rounded to fp8 with a scale for each row, and weights, scaled to fp8's range, are the sum of two numbers of
// it.
#include "paged_rows.h"
#include "xcd.h"

struct KernelArguments {
  const Element* query;  // [tokens, query heads, size]
  const Stored* key_cache;
  const Stored* value_cache;
  const int* block_table;  // [sequences, stride_table]
  const int* seq_lens;
  const int* query_start_loc;
  const float* alibi_slopes;  // [query heads], or null
  float* partial;             // [sequences, query_tokens, query heads, max_segments, size]
  float* partial_max;         // without size; in base 2
  float* partial_sum;
  Output to;
  Scales scales;   // of a cache of 8 bits
  float scale;     // to base 2
  float soft_cap;  // to base 2; 0: none
  int window;      // keys that a query sees, its own among them
  int segment_tokens;
  int max_segments;
  int query_tokens;  // of a sequence at most: those with more are left out
  int group;         // query heads of a KV head
  int num_heads;
  int num_kv_heads;
  int num_sequences;
  int xcds;
  int block_size;
  int stride_table;
  int stride_query_token;  // strides in elements
  int stride_query_head;
  int stride_key_block;
  int stride_value_block;
  int stride_slot;  // of token_major, as the next
  int stride_head;
};

constexpr int kColumns = ROWS / kMatrix;  // matrices side by side, of 16 rows each

// Calls `take(element, four)` with each four neighbouring elements of a lane's row.
template <typename Take>
static inline __device__ void in_order(const Floats4 (&output)[kOutputs], int g, Take take) {
  if constexpr (kIsTokenMajor) {
    for (int n = 0; n < kOutputs; n += 4) {
      for (int j = 0; j < 4; j++) {
        take(element_of(n, 4 * g + j),
             Floats4{output[n][j], output[n + 1][j], output[n + 2][j], output[n + 3][j]});
      }
    }
  } else {
    for (int n = 0; n < kOutputs; n++) take(element_of(n, 4 * g), output[n]);
  }
}

extern "C" __global__ __launch_bounds__(kWaves* kWave,
                                        WAVES_PER_SIMD) void paged_attention(KernelArguments of) {
  // The workgroup's part: sequence, segment, KV head, and a tile of rows, whose others read the same keys.
  const uint32_t row_tiles = (of.group * of.query_tokens + ROWS - 1) / ROWS;
  const uint32_t groups = of.num_sequences * of.max_segments * of.num_kv_heads;
  const auto [part, tile_of_rows] = place_by_xcd(blockIdx.x, groups, row_tiles, of.xcds);
  const int kv_head = part % of.num_kv_heads;
  const int segment = part / of.num_kv_heads % of.max_segments;
  const int index = part / of.num_kv_heads / of.max_segments;
  const int first_row = tile_of_rows * ROWS;
  const Sequence sequence = sequence_at(of.query_start_loc, of.seq_lens, index);
  const int rows = sequence.query_len * of.group;
  if (sequence.query_len > of.query_tokens || first_row >= rows) return;
  const Segments divided = {sequence, of.window, of.segment_tokens};
  const int segments = divided.count();
  if (segment >= segments) return;
  const int begin = divided.begin(segment, segments);
  const int end = min(divided.begin(segment + 1, segments), sequence.seq_len);

  const int wave = __builtin_amdgcn_readfirstlane(threadIdx.x / kWave);
  const int lane = threadIdx.x % kWave;
  const int g = lane / kMatrix;
  const int context = sequence.seq_len - sequence.query_len;

  // The lane's rows, one a column. Those beyond the last do its work again, and are not stored.
  int tokens[kColumns], heads[kColumns];
  float slopes[kColumns];
  Query queries[kColumns];
  for (int column = 0; column < kColumns; column++) {
    const int row = min(first_row + column * kMatrix + lane % kMatrix, rows - 1);
    tokens[column] = row / of.group;
    heads[column] = kv_head * of.group + row % of.group;
    slopes[column] = of.alibi_slopes == nullptr ? 0.0f : of.alibi_slopes[heads[column]] * kLog2E;
    queries[column] = load_query(
        of.query + static_cast<int64_t>(sequence.first_query + tokens[column]) * of.stride_query_token +
            static_cast<int64_t>(heads[column]) * of.stride_query_head,
        g);
    queries[column].scale *= of.scale;
    if (kIsFloat8Cache) queries[column].scale *= key_scale(of.scales);
  }

  const int64_t in_block =
      static_cast<int64_t>(kv_head) * (kIsTokenMajor ? of.stride_head : kSize * of.block_size);
  const Cache cache{of.key_cache + in_block,
                    of.value_cache + in_block,
                    constant(of.block_table) + static_cast<int64_t>(index) * of.stride_table,
                    of.stride_key_block,
                    of.stride_value_block,
                    of.stride_slot,
                    Divisor(of.block_size / kSlots),
                    of.block_size,
                    (end - 1) / kSlots,
                    key_scales(of.scales) + kv_head * of.block_size,
                    value_scales(of.scales) + kv_head * of.block_size,
                    stride_block(of.scales)};

  // Keys that every row of the workgroup sees, so that nothing is to be masked.
  const int last_token = min((first_row + ROWS - 1) / of.group, sequence.query_len - 1);
  const int seen_by_all_to = min(context + first_row / of.group + 1, end);
  const int seen_by_all_from = context + last_token - of.window + 1;
  // The first key that any of them sees.
  const int seen_from = context + first_row / of.group - of.window + 1;

  Softmax softmax[kColumns];
  int tile = begin + wave * kTile;
  Keys keys = {};
  if (tile < end) keys = cache.load_keys(tile, lane);
  for (; tile < end; tile += kWaves * kTile) {
    Values values = cache.load_values(tile, lane);
    Keys next = keys;
    if (tile + kWaves * kTile < end) next = cache.load_keys(tile + kWaves * kTile, lane);

    Floats4 scores[kColumns][kSteps] = {};
    for (int step = 0; step < kSteps; step++) {
      for (int chunk = 0; chunk < kChunks; chunk++) {
        for (int half = 0; half < kTogether / 8; half++) {
          const Operands eight = operands(keys.of[step][chunk], half);
          for (int column = 0; column < kColumns; column++) {
            scores[column][step] = multiply_add(eight, queries[column].of[chunk][half], scores[column][step]);
          }
        }
      }
    }

    const bool is_edge = tile + kTile > seen_by_all_to || tile < seen_by_all_from;
    const int lane_key = tile + kTogether * g;
    if (is_edge) clear_values(values, lane_key, seen_from, end);
    Operands weights[kColumns][kPairs][kParts];
    for (int column = 0; column < kColumns; column++) {
      const int position = context + tokens[column];
      for (int step = 0; step < kSteps; step++) {
        Floats4& four = scores[column][step];
        four *= queries[column].scale * keys.scales.step(step);
        if (of.soft_cap != 0.0f) {  // cap * tanh(score / cap)
          const float factor = 2.0f * kLog2E / of.soft_cap;
          for (int j = 0; j < 4; j++) {
            const float exponential = __builtin_amdgcn_exp2f(four[j] * factor);
            four[j] = of.soft_cap * (1.0f - 2.0f * __builtin_amdgcn_rcpf(1.0f + exponential));
          }
        }
        if (of.alibi_slopes != nullptr) {
          for (int j = 0; j < 4; j++) four[j] += slopes[column] * (lane_key + 4 * step + j - position);
        }
        if (is_edge) {
          for (int j = 0; j < 4; j++) {
            const int key = lane_key + 4 * step + j;
            if (key > position || key >= end || position - key >= of.window) four[j] = -__builtin_inff();
          }
        }
      }
      softmax[column].weigh(scores[column], weights[column]);
    }

    for (int n = 0; n < kOutputs; n++) {
      for (int pair = 0; pair < kPairs; pair++) {
        const Operands eight = operands(values.of[n], pair, values.scales.pair(pair));
        for (int column = 0; column < kColumns; column++) {
          for (const Operands& part : weights[column][pair]) {
            softmax[column].output[n] = multiply_add(eight, part, softmax[column].output[n]);
          }
        }
      }
    }
    keys = next;
  }

  for (int column = 0; column < kColumns; column++) merge_waves(softmax[column], wave, lane);
  if (wave > 0) return;
  const float unit = __builtin_amdgcn_exp2f(-kWeightExponent);
  const float value_unit = kIsFloat8Cache ? unit * value_scale(of.scales) : unit;
  for (int column = 0; column < kColumns; column++) {
    const float largest = softmax[column].largest;
    const float sum = over_groups(softmax[column].sum, [](float a, float b) { return a + b; }) * unit;
    if (first_row + column * kMatrix + lane % kMatrix >= rows) continue;
    if (segments == 1) {
      const Row row{sequence.first_query + tokens[column], heads[column], of.num_heads};
      const float factor = row.finish(of.to, largest, sum, g == 0) * value_unit;
      in_order(softmax[column].output, g,
               [&](int element, Floats4 four) { row.store(of.to, element, four * factor); });
      continue;
    }
    const int64_t at =
        (static_cast<int64_t>(index * of.query_tokens + tokens[column]) * of.num_heads + heads[column]) *
            of.max_segments +
        segment;
    in_order(softmax[column].output, g, [&](int element, Floats4 four) {
      *(Floats4*)(of.partial + at * kSize + element) = four * value_unit;
    });
    if (g == 0) {
      of.partial_max[at] = largest;
      of.partial_sum[at] = sum;
    }
  }
}
